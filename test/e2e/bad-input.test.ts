import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { operate } from '../fixtures/operator.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startGateway();
  await operate(gateway.home, 'token.issue', { name: 'steady', scopes: ['operator.read'] });
  await operate(gateway.home, 'principal.add', { name: 'anna', owner: 'o', scopes: ['operator.read'] });
});

after(() => gateway[Symbol.asyncDispose]());

async function state(): Promise<string> {
  const [tokens, principals, config] = await Promise.all([
    operate(gateway.home, 'token.list'),
    operate(gateway.home, 'principal.list'),
    operate(gateway.home, 'gateway.status'),
  ]);
  return JSON.stringify([tokens.result, principals.result, config.result['config']]);
}

/** Each is refused with a listed code, a message and a fix, and nothing is different afterwards. */
async function refused(operation: string, inputs: readonly object[], code: RegExp): Promise<void> {
  const before = await state();
  for (const input of inputs) {
    const { ok, error } = await operate(gateway.home, operation, input);
    const what = `${operation} ${JSON.stringify(input).slice(0, 120)}`;
    assert.equal(ok, false, what);
    assert.match(error.code, code, what);
    assert.ok(error.message.length > 5 && error.fix.length > 5, what);
  }
  assert.equal(await state(), before, operation);
}

const BLOCKS: readonly (readonly string[])[] = [
  ['10.0.0.0/33'],
  ['10.0.0.0/-1'],
  ['10.0.0.0/08'],
  ['10.0.0.0/8/8'],
  ['10.0.0'],
  ['010.0.0.1'],
  ['::1/129'],
  ['fe80::1%eth0'],
  ['example.org'],
  ['*'],
  ['10.0.0.1-10.0.0.9'],
  ['10.0.0.0/8,11.0.0.0/8'],
  ['10.0.0.0/8;11.0.0.0/8'],
  [' 10.0.0.1'],
  ['10.0.0.1\n'],
  ['10.0.0.1', 'x'],
  [''],
];

describe('bad input of this kind is refused with a code, and changes nothing:', () => {
  test('CIDR blocks of tokens', () =>
    refused(
      'token.issue',
      BLOCKS.map((addresses) => ({ name: 'n', scopes: ['operator.read'], addresses })),
      /^(AUTH_TOKEN_REQUEST_INVALID|OP_INPUT_INVALID)$/,
    ));

  test('CIDR blocks of principals', () =>
    refused(
      'principal.add',
      BLOCKS.map((addresses) => ({ name: 'n', owner: 'o', scopes: ['operator.read'], addresses })),
      /^(AUTH_PRINCIPAL_INVALID|OP_INPUT_INVALID)$/,
    ));

  test('CIDR blocks of canaries', () =>
    refused(
      'token.rotate',
      BLOCKS.map((canary) => ({ token: 'steady', ticket: 'T', canary })),
      /^(AUTH_ROTATION_INVALID|OP_INPUT_INVALID)$/,
    ));

  test('allow-lists as a person types them', async () => {
    const before = await state();
    for (const list of [
      '10.0.0.0/8;11.0.0.0/8',
      '10.0.0.1 10.0.0.2',
      '"10.0.0.1","10.0.0.2"',
      '10.0.0.1-9',
      '=1+1',
      '@x',
    ]) {
      const words = ['token', 'issue', 'n', '--scopes', 'operator.read', `--addresses=${list}`, '--json'];
      const { code, stderr, stdout } = await gateway.cli(words);
      assert.notEqual(code, 0, list);
      assert.match(stderr, /"code":"(AUTH_TOKEN_REQUEST_INVALID|OP_INPUT_INVALID|CLI_USAGE)"/, list);
      assert.equal(stdout, '');
    }
    assert.equal(await state(), before);
  });

  test('scopes, agents and names', async () => {
    const scopes = [[], ['operator'], ['OPERATOR.ADMIN'], ['operator.admin '], ['*'], [1]];
    await refused(
      'token.issue',
      scopes.map((one) => ({ name: 'n', scopes: one })),
      /^OP_INPUT_INVALID$/,
    );
    const names = ['', ' ', '../x', 'a b', '-x', 'x'.repeat(65), 'é', '\u202ex', 'a\u0000'];
    await refused(
      'token.issue',
      names.map((name) => ({ name, scopes: ['operator.read'] })),
      /^(AUTH_TOKEN_REQUEST_INVALID|OP_INPUT_INVALID)$/,
    );
    await refused(
      'token.issue',
      [['../x'], ['a b'], ['']].map((agents) => ({ name: 'n', scopes: ['operator.read'], agents })),
      /^(AUTH_TOKEN_REQUEST_INVALID|OP_INPUT_INVALID)$/,
    );
  });

  test('certificates and subjects that a principal should be bound to', async () => {
    const certificates = [
      '',
      'xyz',
      '0'.repeat(63),
      '0'.repeat(65),
      `${'0'.repeat(63)}g`,
      'CN=anna',
      '-----BEGIN CERTIFICATE-----',
    ];
    await refused(
      'principal.bind',
      certificates.map((certificate) => ({ principal: 'anna', certificate })),
      /^(AUTH_PRINCIPAL_INVALID|OP_INPUT_INVALID)$/,
    );
    const subjects = ['', 'no-bar', '|x', 'https://id.example.org|', 'ftp://id.example.org|x'];
    await refused(
      'principal.bind',
      subjects.map((oidc) => ({ principal: 'anna', oidc })),
      /^(AUTH_PRINCIPAL_INVALID|OP_INPUT_INVALID)$/,
    );
  });

  test('settings: CIDR lists, proxies, providers and channels that are none', async () => {
    const before = await state();
    for (const [path, value] of [
      ['gateway.allowedAddresses', '["10.0.0.0/33"]'],
      ['gateway.trustedProxies', '["proxy.example.org"]'],
      ['gateway.trustedProxies', '"10.0.0.1,10.0.0.2"'],
      ['gateway.listeners', '{"admin":{"allowedAddresses":["::1/129"]}}'],
      ['gateway.auth.oidc', '[{"issuer":"not a url","audience":"x"}]'],
      ['channels.toaster', '{"accounts":{}}'],
    ] as const) {
      const { code, stderr } = await gateway.cli(['config', 'set', path, value, '--json']);
      assert.notEqual(code, 0, `${path} ${value}`);
      assert.match(stderr, /"code":"[A-Z]+_[A-Z_]+"/, `${path} ${value}`);
    }
    assert.equal(await state(), before);
  });
});
