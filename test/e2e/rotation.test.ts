import assert from 'node:assert/strict';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { call } from '../fixtures/http.ts';
import { operate, records } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';
import { connectParams, openSocket } from '../fixtures/raw-websocket.ts';

let home: string;
let gateway: TestGateway;

before(async () => {
  home = temporaryHome();
  gateway = await startGateway({ home });
});

after(async () => {
  await gateway.stop();
  await removeHome(home);
});

async function killAndStart(): Promise<void> {
  await gateway.kill();
  gateway = await startGateway({ home });
}

async function use(token: string, agent = 'client'): Promise<string> {
  const headers = { 'user-agent': agent };
  const { status, code } = await call(`${gateway.url}/api/v1/health.get`, { token, headers, body: {} });
  return code ?? String(status);
}

async function rotate(...words: readonly string[]) {
  const { code, json, stderr } = await gateway.cli(['token', 'rotate', ...words, '--json']);
  return { code, stderr, result: json as { token: string | null; rotation: { status: string } } | undefined };
}

describe('a rotation over the command line, killed after every step', () => {
  let old: string;
  let fresh: string;

  test('starts: both versions work, also after kill -9', async () => {
    old = await gateway.issueToken('ci', ['operator.read']);
    const refused = await rotate('ci');
    assert.equal(refused.code, 3, 'a ticket is needed');
    assert.match(refused.stderr, /AUTH_ROTATION_INVALID/);
    const { result } = await rotate('ci', '--sunset', '1h', '--canary', '192.0.2.1', '--ticket', 'OPS-1');
    fresh = result?.token ?? '';
    assert.match(fresh, /^gth_/);
    await killAndStart();
    assert.equal(await use(old), '200');
    assert.equal(await use(fresh), 'AUTH_TOKEN_CANARY', 'only its canary may use it yet');
    const again = await rotate('ci', '--ticket', 'OPS-2');
    assert.match(again.stderr, /AUTH_ROTATION_RUNNING/);
  });

  test('is promoted: the new version works for everybody, also after kill -9, and the status names who has not switched', async () => {
    assert.equal((await rotate('ci', '--promote')).code, 0);
    await killAndStart();
    assert.deepEqual([await use(old, 'late'), await use(old), await use(fresh)], ['200', '200', '200']);
    const { stdout } = await gateway.cli(['token', 'status', 'ci']);
    assert.match(stdout, /late .*still on the old version/);
    assert.match(stdout, /switched/);
  });

  test('ends: the old version is refused and its socket closed, also after kill -9, and one record tells it all', async () => {
    await using socket = await openSocket(gateway.url);
    await socket.nonce();
    assert.equal((await socket.connect(connectParams(old, { scopes: ['operator.read'] }))).ok, true);
    await using other = await openSocket(gateway.url);
    await other.nonce();
    assert.equal((await other.connect(connectParams(fresh, { scopes: ['operator.read'] }))).ok, true);
    assert.equal((await rotate('ci', '--now')).code, 0);
    assert.equal((await socket.closed()).code, 4001);
    assert.equal((await other.ask('health')).ok, true);
    await killAndStart();
    assert.deepEqual([await use(old), await use(fresh)], ['AUTH_TOKEN_REVOKED', '200']);
    const text = JSON.stringify(await records(home, { type: 'change' }));
    for (const fact of ['OPS-1', 'token.revoked', 'rotated']) assert.ok(text.includes(fact), fact);
    assert.ok(!text.includes(old.split('_')[2] ?? '') && !text.includes(fresh.split('_')[2] ?? ''));
  });

  test('is taken back: the new version is refused, the old one goes on, also after kill -9', async () => {
    const { result } = await rotate('ci', '--ticket', 'OPS-3');
    const newer = result?.token ?? '';
    assert.equal((await rotate('ci', '--abort')).code, 0);
    await killAndStart();
    assert.deepEqual([await use(newer), await use(fresh)], ['AUTH_TOKEN_REVOKED', '200']);
  });
});

describe('a credential that was revoked', () => {
  test('auth/an older state.db put back, with a token and a browser session that were revoked since: refused, with an alert', async () => {
    const token = await gateway.issueToken('gone', ['operator.read']);
    const { result } = await operate(home, 'login.link');
    const answer = await fetch(`${gateway.url}/login/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: gateway.url },
      body: JSON.stringify({ code: new URL(String(result['url'])).hash.slice(1) }),
    });
    const cookie = (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
    await gateway.stop();
    const file = join(home, 'state', 'state.db');
    // What is not in the file itself yet is in its log, as long as egress still has it open.
    const parts = ['', '-wal'].filter((end) => existsSync(`${file}${end}`));
    for (const end of parts) copyFileSync(`${file}${end}`, `${file}${end}.older`);
    gateway = await startGateway({ home });
    assert.equal(await use(token), '200');
    await gateway.cli(['token', 'revoke', 'gone']);
    await gateway.stop();
    for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
    for (const end of parts) copyFileSync(`${file}${end}.older`, `${file}${end}`);
    gateway = await startGateway({ home });
    assert.equal(await use(token), 'AUTH_TOKEN_REVOKED');
    const alerts = await records(home, { type: 'alert', action: 'auth.restored-credential' });
    assert.equal(alerts.length, 1);
    // A session lives for twelve hours at most whatever is put back; this one was not revoked.
    assert.match(cookie, /^gatehouse_session=/);
  });
});
