import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { operate, records } from '../fixtures/operator.ts';

let gateway: TestGateway;
let token: string;

before(async () => {
  gateway = await startGateway();
  token = await gateway.issueToken('names', ['operator.admin']);
});

after(() => gateway[Symbol.asyncDispose]());

/** A request as its bytes, with a right token and an operation that would leave a trace. */
async function send(
  host: string,
  target = '/api/v1/principal.add',
  more = '',
): Promise<{ status: string; body: string }> {
  const body = JSON.stringify({ name: 'made', owner: 'x', scopes: ['operator.read'] });
  const socket = connect(gateway.port, '127.0.0.1');
  const got: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => got.push(chunk));
  socket.on('error', () => undefined);
  socket.write(
    Buffer.from(
      `POST ${target} HTTP/1.1\r\n${host === '' ? '' : `Host: ${host}\r\n`}Authorization: Bearer ${token}\r\n` +
        `Content-Type: application/json\r\nConnection: close\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`,
      'utf8',
    ),
  );
  await once(socket, 'close');
  const text = Buffer.concat(got).toString('latin1');
  return { status: text.split(' ')[1] ?? '', body: text };
}

async function nothingMade(): Promise<void> {
  const { result } = await operate(gateway.home, 'principal.list');
  assert.ok(!JSON.stringify(result).includes('"made"'));
}

/** Attacks 1 to 8 as the authority of a request (RFC 9110 section 7.2). */
const AUTHORITIES: Readonly<Record<string, readonly string[]>> = {
  'decimal, octal, hexadecimal and short forms of the address': [
    '2130706433',
    '0177.0.0.1',
    '0x7f.0.0.1',
    '0x7f000001',
    '127.1',
    '127.0.1',
    '0',
    '017700000001',
    '127.0.0.01',
  ],
  'full-width digits, ideographic dots, soft hyphens': [
    '１２７.0.0.1',
    '127。0。0。1',
    'local\u00adhost',
    'ｌocalhost',
  ],
  'trailing and double dots': ['localhost.', '127.0.0.1.', 'localhost..', '127..0.0.1', '.localhost'],
  'punycode and homographs': ['xn--localhost-abc', 'lоcalhost', 'xn--lcalhost-23d'],
  'percent-encoding, backslash, a user before the host': [
    '%6cocalhost',
    '127.0.0.1%00',
    'localhost\\',
    'evil@localhost',
    'localhost@evil.test',
    'localhost/',
    'http://localhost',
    'localhost?x',
    'localhost#x',
  ],
  'other spellings of IPv6, zone ids, brackets': [
    '[::127.0.0.1]',
    '[::1%lo]',
    '[::1%25lo]',
    '::1',
    '[::1',
    '[127.0.0.1]',
    '[[::1]]',
    '[64:ff9b::7f00:1]',
  ],
  'names that resolve here': [
    'localhost.localdomain',
    'localhost.evil.test',
    '127.0.0.1.nip.io',
    'evil.test',
    '0.0.0.0',
    '[::]',
  ],
  'ports that are none': [
    'localhost:0',
    'localhost:65536',
    'localhost:+1',
    'localhost:-1',
    'localhost:080',
    'localhost:1e3',
    'localhost:',
  ],
  'two names, lists and white space': [
    'localhost, evil.test',
    'localhost evil.test',
    'localhost;evil.test',
    '',
    '""',
  ],
};

describe('the authority of a request', () => {
  for (const [what, hosts] of Object.entries(AUTHORITIES)) {
    test(`listen/${what}: refused`, async () => {
      for (const host of hosts) {
        const { status, body } = await send(host);
        assert.match(status, /^(400|403)$/, `${host}: ${body.slice(0, 80)}`);
      }
      await nothingMade();
      const [record] = await records(gateway.home, { code: 'LISTEN_HOST_NOT_ALLOWED' });
      assert.equal(record?.action, 'login.refused');
    });
  }

  test('listen/NUL, CR and LF in a name: refused', async () => {
    for (const host of [
      'localhost\u0000',
      'localhost\rX: y',
      'localhost\nX: y',
      'localhost\r\n evil.test',
      'local\u0000host',
    ])
      assert.match((await send(host)).status, /^(400|403)$/, JSON.stringify(host));
    await nothingMade();
  });

  test('listen/two Host headers, or a target that names another host: refused', async () => {
    const twice = await send('localhost', undefined, 'Host: evil.test\r\n');
    assert.equal(twice.status, '400');
    for (const target of [
      'http://evil.test/api/v1/principal.add',
      'http://localhost/api/v1/principal.add',
      '//evil.test/api/v1/principal.add',
      'evil.test:80',
      '*',
      '/\\evil.test/api/v1/principal.add',
    ]) {
      const { status } = await send('localhost', target);
      assert.match(status, /^4\d\d$/, target);
    }
    await nothingMade();
  });

  test('its own names in any case and with any port are answered', async () => {
    for (const host of [
      'LOCALHOST',
      'LocalHost:1',
      '127.0.0.1:65535',
      '[::1]',
      '[0:0:0:0:0:0:0:1]:80',
      '[::ffff:127.0.0.1]',
    ]) {
      const { status } = await send(host, '/api/v1/health.get');
      assert.notEqual(status, '403', host);
    }
  });
});

describe('the path of a request', () => {
  test('listen/dot segments and encoded slashes towards an operation: refused', async () => {
    for (const target of [
      '/x/../api/v1/principal.add',
      '/./api/v1/principal.add',
      '/api/v1/%70rincipal.add/../principal.add',
      '/api%2fv1%2fprincipal.add',
      '/api//v1/principal.add',
      '/API/V1/principal.add',
      '/api/v1/principal.add/',
      '/api/v1/principal.add%00',
      '/api/v1/principal.add;x',
    ]) {
      const { status } = await send('localhost', target);
      assert.match(status, /^4\d\d$/, target);
    }
    await nothingMade();
  });

  test('listen/a method that is overridden by a header: refused, the header means nothing', async () => {
    const { status } = await send('localhost', '/login/session', 'X-HTTP-Method-Override: DELETE\r\n');
    assert.match(status, /^4\d\d$/);
    await nothingMade();
  });

  test('listen/a compressed body that would unpack without end: refused before a byte of it is unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 ** 2));
    for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, gzip']) {
      const answer = await fetch(`${gateway.url}/api/v1/principal.add`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-encoding': coding,
        },
        body: bomb,
      });
      assert.equal(answer.status, 415, coding);
    }
    await nothingMade();
  });
});
