import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { call, type HttpCall } from '../fixtures/http.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';

let model: HostileModel;
let gateway: TestGateway;
let home: string;
let reader: string;
let writer: string;

const env = { OPENAI_API_KEY: 'sk-callers-0123456789abcdef' };
const api = (operation: string, options: HttpCall) =>
  call(`${gateway.url}/api/v1/${operation}`, { body: {}, ...options });
/** A turn that would be noticed: the model is asked. */
const message = { message: 'intruder', sessionKey: 'intruder' };

before(async () => {
  model = await startHostileModel();
  gateway = await startGateway({ config: configFor(model), env });
  home = gateway.home;
  reader = await gateway.issueToken('reader', ['operator.read']);
  writer = await gateway.issueToken('writer', ['operator.read', 'operator.write']);
});

after(async () => {
  await gateway.stop();
  await model[Symbol.asyncDispose]();
  await removeHome(home);
});

/** The refusals of logins with this code that were recorded; they are written just after the answer. */
async function recordedLogin(code: string): Promise<void> {
  await until(
    async () => (await records(home, { type: 'login', code })).length > 0,
    `no login.refused with ${code}`,
  );
}

describe('over TCP', () => {
  test('auth/a call without a token: refused', async () => {
    const { status, code } = await api('agent.run', { body: message });
    assert.deepEqual([status, code], [401, 'AUTH_TOKEN_MISSING']);
    await recordedLogin('AUTH_TOKEN_MISSING');
    assert.equal(model.calls('intruder'), 0);
  });

  test('auth/a made-up token: refused', async () => {
    const made = reader.slice(0, -8).replace(/.$/, 'x') + reader.slice(-8);
    const { status, code } = await api('agent.run', { body: message, token: made });
    assert.deepEqual([status, code], [401, 'AUTH_TOKEN_INVALID']);
    await recordedLogin('AUTH_TOKEN_INVALID');
    assert.equal(model.calls('intruder'), 0);
  });

  test('auth/a token after it was revoked: refused', async () => {
    const token = await gateway.issueToken('leaver', ['operator.write']);
    assert.equal((await api('sessions.create', { token, body: { sessionKey: 'mine' } })).status, 200);
    assert.equal((await gateway.cli(['token', 'revoke', 'leaver'])).code, 0);
    const { status, code } = await api('agent.run', { body: message, token });
    assert.deepEqual([status, code], [401, 'AUTH_TOKEN_REVOKED']);
    await recordedLogin('AUTH_TOKEN_REVOKED');
    assert.equal(model.calls('intruder'), 0);
  });

  test('auth/a scope that the token does not have: refused', async () => {
    const body = { name: 'more', scopes: ['operator.admin'] };
    const { status, code } = await api('token.issue', { token: writer, body });
    assert.deepEqual([status, code], [403, 'AUTH_SCOPE_MISSING']);
    const run = await api('agent.run', { token: reader, body: message });
    assert.deepEqual([run.status, run.code], [403, 'AUTH_SCOPE_MISSING']);
    const denied = await records(home, { code: 'AUTH_SCOPE_MISSING' });
    assert.deepEqual(
      denied.map(({ action, outcome }) => [action, outcome]),
      [
        ['operation.call', 'deny'],
        ['operation.call', 'deny'],
      ],
    );
    const { tokens } = (await operate(home, 'token.list')).result as { tokens: { name: string }[] };
    assert.equal(
      tokens.some(({ name }) => name === 'more'),
      false,
    );
    assert.equal(model.calls('intruder'), 0);
  });

  test("auth/another principal's conversation under its own key: refused", async () => {
    const secret = { message: 'remember swordfish', sessionKey: 'shared-name' };
    assert.equal((await operate(home, 'agent.run', secret)).ok, true);
    const { text } = await api('chat.history', { token: reader, body: { sessionKey: 'shared-name' } });
    assert.doesNotMatch(text, /swordfish/);
    const listed = await api('sessions.list', { token: reader });
    assert.doesNotMatch(listed.text, /shared-name/);
  });

  test('listen/a page of another origin: refused', async () => {
    const headers = { origin: 'https://evil.example' };
    const { status, code } = await api('agent.run', { token: writer, headers, body: message });
    assert.deepEqual([status, code], [403, 'LISTEN_ORIGIN_NOT_ALLOWED']);
    await recordedLogin('LISTEN_ORIGIN_NOT_ALLOWED');
    assert.equal(model.calls('intruder'), 0);
  });

  test('listen/a name that was rebound to this machine: refused', async () => {
    const headers = { host: 'evil.example' };
    const { status, code } = await api('agent.run', { token: writer, headers, body: message });
    assert.deepEqual([status, code], [403, 'LISTEN_HOST_NOT_ALLOWED']);
    await recordedLogin('LISTEN_HOST_NOT_ALLOWED');
    assert.equal(model.calls('intruder'), 0);
  });

  test('listen/a token in the address: refused', async () => {
    const url = `${gateway.url}/api/v1/sessions.list?token=${writer}`;
    const { status, code } = await call(url, { body: {} });
    assert.deepEqual([status, code], [400, 'LISTEN_TOKEN_IN_URL']);
    await recordedLogin('LISTEN_TOKEN_IN_URL');
    assert.equal(readFileSync(join(home, 'logs', 'gateway.log'), 'utf8').includes(writer), false);
  });

  test('listen/forwarding headers of a proxy that nobody listed: refused', async () => {
    const headers = { 'x-forwarded-for': '127.0.0.1' };
    const { status, code } = await api('agent.run', { token: writer, headers, body: message });
    assert.deepEqual([status, code], [403, 'LISTEN_PROXY_NOT_TRUSTED']);
    await recordedLogin('LISTEN_PROXY_NOT_TRUSTED');
    assert.equal(model.calls('intruder'), 0);
  });

  test('approvals/the answer of a token without the right to answer: refused', async () => {
    model.script('wants', [{ calls: [{ tool: 'shell', args: { command: 'touch wanted' } }] }]);
    const started = await api('chat.send', {
      token: writer,
      body: { sessionKey: 'wants', message: 'wants', idempotencyKey: 'wants' },
    });
    assert.equal(started.status, 200, started.text);
    const pending = async () =>
      (await operate(home, 'approvals.list')).result['approvals'] as readonly { id: string }[];
    await until(async () => (await pending()).length === 1, 'nobody was asked');
    const [approval] = await pending();
    const { status, code } = await api('approvals.approve', { token: writer, body: { id: approval?.id } });
    assert.deepEqual([status, code], [403, 'AUTH_SCOPE_MISSING']);
    assert.equal((await pending()).length, 1);
    assert.equal((await operate(home, 'approvals.deny', { id: approval?.id })).ok, true);
    await operate(home, 'run.wait', { runId: 'wants', timeoutMs: 10_000 });
    assert.throws(() => readFileSync(join(home, 'workspaces', 'main', 'wanted')), { code: 'ENOENT' });
  });
});

describe('the configuration', () => {
  const file = () => join(home, 'gatehouse.json');
  const status = async () => (await operate(home, 'gateway.status')).result['config'];

  test('config/a key that does not exist: refused', async () => {
    const before = { file: readFileSync(file(), 'utf8'), running: await status() };
    const { code, stderr } = await gateway.cli(['config', 'set', 'gateway.prot', '1']);
    assert.notEqual(code, 0);
    assert.match(stderr, /gateway\.prot.*did you mean "port"/);
    assert.deepEqual({ file: readFileSync(file(), 'utf8'), running: await status() }, before);
    const failed = await records(home, { action: 'config.set' });
    assert.equal(failed.at(-1)?.outcome, 'failure');
  });

  test('config/a file with mistakes that the running gateway is told to read: refused', async () => {
    const before = { text: readFileSync(file(), 'utf8'), running: await status() };
    for (const broken of ['{ "gateway": { "prot": 1 } }', '{ "gateway": ', '\u0000']) {
      const seen = (await records(home, { action: 'config.reload_refused' })).length;
      writeFileSync(file(), broken);
      process.kill(gateway.pid, 'SIGHUP');
      const refused = () => records(home, { action: 'config.reload_refused' });
      await until(async () => (await refused()).length > seen, 'the reload was not recorded');
      assert.equal((await refused()).at(-1)?.outcome, 'failure');
      assert.deepEqual(await status(), before.running);
    }
    writeFileSync(file(), before.text);
    const log = readFileSync(join(home, 'logs', 'gateway.log'), 'utf8');
    assert.match(log, /"message":"the running configuration stays"/);
    assert.match(log, /gateway\.prot/);
    assert.equal((await call(`${gateway.url}/readyz`)).status, 200);
  });
});
