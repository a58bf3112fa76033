import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { test } from 'node:test';
import { ENDING_GRACE_MS } from './open-answers.ts';
import { type FakeOperation, type TestGateway, testGateway } from './testing/gateway.ts';

/** How soon a revoked credential's answers must have ended (A4). */
const REVOKED_WITHIN_MS = 1_000;
const SHORT = { expiresAt: 1_800_000_000_500 };

/** An operation that runs until its caller is gone; `streams` says whether something was sent before. */
function endless(sendsFirst: boolean) {
  const started = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const operation: FakeOperation = {
    id: 'agent.run',
    scope: 'operator.write',
    streams: true,
    async run(_input, _caller, { emit, signal }) {
      if (sendsFirst) emit?.({ type: 'started' });
      started.resolve();
      if (signal?.aborted === false) await once(signal, 'abort');
      stopped.resolve();
    },
  };
  return { operation, started: started.promise, stopped: stopped.promise };
}

function openAnswer(base: TestGateway, token: string) {
  const headers = { authorization: `Bearer ${token}`, accept: 'application/x-ndjson' };
  const outgoing = request(`${base.url}/api/v1/agent.run`, { method: 'POST', headers, agent: false });
  const closed = new Promise<void>((resolve) => void outgoing.once('close', resolve));
  outgoing.on('error', () => {});
  outgoing.on('response', (answer) => answer.on('error', () => {}).resume());
  outgoing.end();
  return { closed };
}

for (const sendsFirst of [true, false]) {
  const what = sendsFirst ? 'an open stream' : 'an answer that has not begun';
  test(`http/${what} of a token that is revoked: ended within a second, and its work with it`, async () => {
    const { operation, started, stopped } = endless(sendsFirst);
    await using base = await testGateway({ operations: [operation] });
    const token = await base.issue('thief', ['operator.write']);
    const other = await base.issue('owner', ['operator.write']);
    const answer = openAnswer(base, token);
    await started;
    const before = performance.now();
    await base.auth.revokeToken('thief');
    await Promise.all([answer.closed, stopped]);
    assert.ok(performance.now() - before < REVOKED_WITHIN_MS);
    assert.equal((await base.auth.authenticateToken(other, peer)).name, 'owner');
  });
}

const peer = { address: '127.0.0.1', userAgent: '', surface: 'http' } as const;

test('http/an open stream of a token that expires: ended', async () => {
  const { operation, started, stopped } = endless(true);
  await using base = await testGateway({ operations: [operation] });
  const token = await base.issue('short', ['operator.write'], SHORT);
  const answer = openAnswer(base, token);
  await started;
  base.advance(500);
  base.runTimers();
  await Promise.all([answer.closed, stopped]);
});

test('a request that revokes its own token is answered, and nothing after it', async () => {
  const revoke: FakeOperation = {
    id: 'token.revoke',
    scope: 'operator.admin',
    run: async () => ({ revoked: (await base.auth.revokeToken('admin')).name }),
  };
  await using base = await testGateway({ operations: [revoke] });
  const authorization = `Bearer ${await base.issue('admin', ['operator.admin'])}`;
  const call = () => fetch(`${base.url}/api/v1/token.revoke`, { method: 'POST', headers: { authorization } });
  assert.deepEqual(await (await call()).json(), { ok: true, result: { revoked: 'admin' } });
  assert.equal((await call()).status, 401);
});

test('http/a client that leaves while its token is being proven: its work does not outlive it', async () => {
  const { operation, stopped } = endless(false);
  const proving = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  await using base = await testGateway({
    operations: [operation],
    beforeProof: async () => {
      proving.resolve();
      await proceed.promise;
    },
  });
  const token = await base.issue('hasty', ['operator.write']);
  const socket = base.dial();
  const lines = ['Host: localhost', `Authorization: Bearer ${token}`, 'Content-Length: 0'];
  socket.write(`POST /api/v1/agent.run HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  await proving.promise;
  const left = base.nextDisconnect();
  socket.destroy();
  await left;
  proceed.resolve();
  await stopped;
});

test('the grace of an ending answer is shorter than what a revocation promises', () => {
  assert.ok(ENDING_GRACE_MS < REVOKED_WITHIN_MS / 2);
});
