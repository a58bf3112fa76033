import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Receiving } from '../../controls/listen/index.ts';
import { type FakeOperation, testGateway } from './testing/gateway.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const RUN: FakeOperation = { id: 'agent.run', scope: 'operator.write', run: () => ({ text: 'hello' }) };

test('http/a reader that takes nothing of a whole answer: its connection is closed when its time is up', async () => {
  const large: FakeOperation = { ...RUN, run: () => ({ text: 'x'.repeat(900_000) }) };
  await using base = await testGateway({ operations: [large], limits: { stallMs: 50 } });
  const token = await base.issue('writer', ['operator.write']);
  const socket = base.dial();
  socket.pause();
  const gone = base.nextDisconnect;
  const lines = ['Host: localhost', `Authorization: Bearer ${token}`, 'Content-Length: 0'];
  socket.write(`POST /api/v1/agent.run HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`.repeat(8));
  await once(base.server, 'connection');
  await gone();
  assert.ok(base.calls.length >= 1);
});

test('an answer that takes longer than a reader may is waited for', async () => {
  const { promise, resolve } = Promise.withResolvers<object>();
  await using base = await testGateway({
    operations: [{ ...RUN, run: () => promise }],
    limits: { stallMs: 40 },
  });
  // Node looks five times whether the connection is idle before the answer is there.
  let looks = 0;
  base.server.on('timeout', () => (looks += 1) === 5 && resolve({ ok: true }));
  const token = await base.issue('writer', ['operator.write']);
  const answer = await fetch(`${base.url}/api/v1/agent.run`, {
    method: 'POST',
    headers: { ...JSON_TYPE, authorization: `Bearer ${token}` },
    body: '{}',
  });
  assert.equal(answer.status, 200);
});

test('http/a connection that says nothing: closed when its time is up, before there is a parser for it', async () => {
  await using base = await testGateway({ limits: { headersTimeoutMs: 60 } });
  const mute = base.dial();
  mute.resume();
  await once(mute, 'close');
  const half = base.dial();
  half.resume();
  half.end();
  await once(half, 'close');
  assert.deepEqual(base.calls, []);
});

test('a request whose bytes come one by one is served', async () => {
  await using base = await testGateway();
  const socket = base.dial();
  for (const letter of 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n') {
    socket.write(letter);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.match(String(await once(socket, 'data')), /^HTTP\/1\.1 200 /);
});

test('http/more connections of one principal than it may hold: 429 with its code, others get in', async () => {
  const bounds = { connections: 20, connectionsPerPrincipal: 2 };
  await using base = await testGateway({ operations: [RUN], parts: { connections: () => bounds } });
  const [greedy, other] = [
    await base.issue('greedy', ['operator.write']),
    await base.issue('other', ['operator.write']),
  ];
  const ask = async (token: string) => {
    const socket = base.dial();
    const lines = ['Host: localhost', `Authorization: Bearer ${token}`, 'Content-Length: 0'];
    socket.write(`POST /api/v1/agent.run HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    return String(await once(socket, 'data'));
  };
  const answers = [await ask(greedy), await ask(greedy), await ask(greedy), await ask(other)];
  assert.deepEqual(
    answers.map((answer) => answer.slice(9, 12)),
    ['200', '200', '429', '200'],
  );
  assert.match(answers[2] ?? '', /retry-after: 1\r\n/i);
  assert.match(answers[2] ?? '', /connection: close\r\n/i);
  assert.equal(base.codes().at(-2), 'LISTEN_TOO_MANY_CONNECTIONS');
  assert.equal(base.calls.length, 3);
});

test('http/large bodies past what one principal may send at once: 503 with its code, small ones pass', async () => {
  const receiving = new Receiving({ receivingBytesPerPrincipal: 200_000, receivingBytes: 300_000 });
  await using base = await testGateway({ operations: [RUN], parts: { receiving } });
  const token = await base.issue('writer', ['operator.write']);
  const send = (bytes: number) =>
    fetch(`${base.url}/api/v1/agent.run`, {
      method: 'POST',
      headers: { ...JSON_TYPE, authorization: `Bearer ${token}` },
      body: JSON.stringify({ pad: 'x'.repeat(bytes) }),
    });
  const held = base.dial();
  held.write(
    `POST /api/v1/agent.run HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Type: application/json\r\nContent-Length: 900000\r\n\r\n{"pad":"${'x'.repeat(200_000)}`,
  );
  while (receiving.total === 0) await new Promise((resolve) => setImmediate(resolve));
  const refused = await send(300_000);
  assert.equal(refused.status, 503);
  assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'LISTEN_BUSY');
  assert.equal((await send(1_000)).status, 200);
  held.destroy();
  while (receiving.total > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await send(150_000)).status, 200);
});
