import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GatehouseError } from '../../kernel/index.ts';
import { MAX_SECRET_LENGTH, resolveSecret, type SecretBinding, SecretStore } from './index.ts';

const HOST = { host: 'api.example.org', port: 443 };

function reference(
  source: SecretBinding['source'],
  id: string,
  name = 'models.providers.x.apiKey',
): SecretBinding {
  return { name, source, id, header: 'authorization: Bearer {}', ...HOST };
}

function temporary() {
  const folder = mkdtempSync(join(tmpdir(), 'gh-secret-'));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

function refusal(code: string, hidden = 'hunter2-value'): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof GatehouseError);
    assert.equal(error.code, code);
    assert.ok(!JSON.stringify(error).includes(hidden));
    return true;
  };
}

test('a value comes from a variable, a private file, or a command run by argv', async () => {
  using home = temporary();
  const file = join(home.folder, 'key');
  writeFileSync(file, 'from-file\n', { mode: 0o600 });
  const options = { env: { KEY: 'from-env', PATH: '/usr/bin:/bin' } };
  assert.equal(await resolveSecret(reference('env', 'KEY'), options), 'from-env');
  assert.equal(await resolveSecret(reference('file', file), options), 'from-file');
  const argv = JSON.stringify(['/bin/echo', 'from $HOME; exec']);
  assert.equal(await resolveSecret(reference('exec', argv), options), 'from $HOME; exec');
});

test('secrets/a reference that cannot be resolved: refused, naming the reference', async () => {
  using home = temporary();
  const env = { EMPTY: '', PATH: '/usr/bin:/bin' };
  const directory = reference('file', home.folder);
  const broken = [
    reference('env', 'MISSING'),
    reference('env', 'EMPTY'),
    reference('file', join(home.folder, 'none')),
    reference('file', 'relative/path'),
    reference('exec', '/bin/echo x'),
    reference('exec', '["echo","x"]'),
    reference('exec', '["/bin/false"]'),
    reference('exec', '["/no/such/program"]'),
    reference('exec', '["/bin/sh","-c","yes hunter2-value"]'),
  ];
  for (const one of broken) {
    await assert.rejects(resolveSecret(one, { env }), (error) => {
      assert.ok(error instanceof GatehouseError && error.message.includes(one.name), one.id);
      return refusal('SECRETS_UNRESOLVED')(error);
    });
  }
  chmodSync(home.folder, 0o700);
  await assert.rejects(resolveSecret(directory, { env }), refusal('SECRETS_UNRESOLVED'));
});

test('secrets/a command that does not end: refused after its time', async () => {
  const slow = reference('exec', '["/bin/sleep","60"]');
  await assert.rejects(resolveSecret(slow, { env: {}, commandMs: 50 }), refusal('SECRETS_UNRESOLVED'));
});

test('secrets/a file that others can read: refused', async () => {
  using home = temporary();
  const file = join(home.folder, 'key');
  writeFileSync(file, 'hunter2-value');
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(file, mode);
    await assert.rejects(
      resolveSecret(reference('file', file), { env: {} }),
      refusal('SECRETS_FILE_PERMISSIONS'),
    );
  }
});

test('secrets/a value that a header cannot carry: refused', async () => {
  const at = async (value: string) => resolveSecret(reference('env', 'KEY'), { env: { KEY: value } });
  for (const value of [
    'hunter2-value\r\nX-Evil: 1',
    'hunter2-value\0',
    ' hunter2-value',
    'hunter2-valü',
    'x'.repeat(MAX_SECRET_LENGTH + 1),
  ]) {
    await assert.rejects(at(value), refusal('SECRETS_VALUE_INVALID'));
  }
  assert.equal((await at('x'.repeat(MAX_SECRET_LENGTH))).length, MAX_SECRET_LENGTH);
});

async function storeWith(name = 'models.providers.x.apiKey'): Promise<SecretStore> {
  const store = new SecretStore();
  await store.load([reference('env', 'KEY', name)], { env: { KEY: 'hunter2-value' } });
  return store;
}

test('a placeholder is filled for the host and port it is bound to', async () => {
  const store = await storeWith();
  const filled = store.fill('Authorization', 'Bearer {{secret:models.providers.x.apiKey}}', HOST);
  assert.deepEqual(filled, { value: 'Bearer hunter2-value', names: ['models.providers.x.apiKey'] });
  assert.deepEqual(store.fill('x', 'plain', { host: 'other.example.org', port: 443 }), {
    value: 'plain',
    names: [],
  });
  assert.deepEqual(store.list(), [{ name: 'models.providers.x.apiKey', host: HOST.host, available: true }]);
});

test('secrets/a placeholder for another host or port: refused', async () => {
  const store = await storeWith();
  for (const target of [
    { ...HOST, host: 'evil.example.org' },
    { ...HOST, host: 'x.api.example.org' },
    { ...HOST, port: 8443 },
  ]) {
    assert.throws(
      () => store.fill('authorization', 'Bearer {{secret:models.providers.x.apiKey}}', target),
      refusal('SECRET_WRONG_HOST'),
    );
  }
});

test('secrets/a placeholder outside of the header that it is bound to: refused', async () => {
  const store = await storeWith();
  const placeholder = '{{secret:models.providers.x.apiKey}}';
  for (const [header, text] of [
    ['x-log', `Bearer ${placeholder}`],
    ['authorization', placeholder],
    ['authorization', `Bearer ${placeholder}, ${placeholder}`],
    ['authorization', `Bearer x${placeholder}`],
    ['user-agent', placeholder],
  ] as const) {
    assert.throws(() => store.fill(header, text, HOST), refusal('SECRET_WRONG_PLACE'), text);
  }
});

test('secrets/an unknown or broken placeholder: refused', async () => {
  const store = await storeWith();
  for (const text of [
    '{{secret:other}}',
    '{{secret:}}',
    '{{secret:models.providers.x.apiKey',
    '{{secret:a b}}',
    '{{secret:{{secret:models.providers.x.apiKey}}}}',
  ]) {
    assert.throws(() => store.fill('authorization', text, HOST), refusal('SECRET_UNKNOWN'), text);
  }
});

test('a load that fails keeps the values that were there', async () => {
  const store = await storeWith();
  await assert.rejects(store.load([reference('env', 'NONE')], { env: {} }), refusal('SECRETS_UNRESOLVED'));
  assert.equal(
    store.fill('authorization', 'Bearer {{secret:models.providers.x.apiKey}}', HOST).value,
    'Bearer hunter2-value',
  );
  assert.equal(store.redact('x hunter2-value y'), 'x [secret removed] y');
});
