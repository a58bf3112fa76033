import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BODY_LIMITS } from '../../controls/listen/index.ts';
import { MAX_MESSAGES } from './openai/messages.ts';
import { type FakeOperation, type TestGateway, testGateway } from './testing/gateway.ts';

const USAGE = { inputTokens: 1, outputTokens: 1 };
const RUN: FakeOperation = {
  id: 'agent.run',
  scope: 'operator.write',
  run: () => ({ text: 'hello', usage: USAGE, stopReason: 'stop' }),
};
const INVOKE: FakeOperation = {
  id: 'tools.invoke',
  scope: 'operator.write',
  run: () => ({ isError: false, text: 'done' }),
};

async function gateway() {
  const logged: string[] = [];
  const base = await testGateway({
    operations: [RUN, INVOKE],
    parts: { logger: { info() {}, warn() {}, error: (message) => void logged.push(message) } },
  });
  return { ...base, logged, token: await base.issue('writer', ['operator.write']) };
}

type Gateway = Awaited<ReturnType<typeof gateway>>;

async function post(base: Gateway, path: string, body: string | Uint8Array, headers: object = {}) {
  const answer = await fetch(base.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${base.token}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : Buffer.from(body),
  });
  const { error } = (await answer.json()) as { error?: { code?: string; message?: string } };
  return { status: answer.status, code: error?.code, message: error?.message };
}

/** A text made as long as wanted by its last string. */
function padded(text: string, bytes: number): string {
  const [before, after] = text.split('PAD');
  return `${before}${'x'.repeat(bytes - text.length + 3)}${after}`;
}

const ROUTES = [
  {
    path: '/v1/chat/completions',
    limit: BODY_LIMITS.chatCompletions,
    body: '{"messages":[{"role":"user","content":"PAD"}]}',
  },
  { path: '/tools/invoke', limit: BODY_LIMITS.toolInvoke, body: '{"tool":"list","args":{"path":"PAD"}}' },
  { path: '/api/v1/agent.run', limit: BODY_LIMITS.operation, body: '{"message":"PAD"}' },
];

for (const { path, limit, body } of ROUTES) {
  test(`${path} takes a body of exactly ${limit} bytes`, async () => {
    await using base = await gateway();
    const { status } = await post(base, path, padded(body, limit));
    assert.equal(status, 200);
    assert.equal(base.calls.length, 1);
  });

  test(`http/one byte more than ${path} takes: refused`, async () => {
    await using base = await gateway();
    const { status, code } = await post(base, path, padded(body, limit + 1));
    assert.deepEqual([status, code, base.calls.length], [413, 'HTTP_BODY_TOO_LARGE', 0]);
  });
}

test('http/a body that somebody in between could read as something else: refused', async () => {
  await using base = await gateway();
  const odd: readonly (readonly [headers: object, body: string | Uint8Array, status: number])[] = [
    [{ 'content-encoding': 'gzip' }, '{"message":"x"}', 415],
    [{ 'content-encoding': 'identity, br' }, '{"message":"x"}', 415],
    [{ 'content-type': 'application/json; charset=utf-16' }, '{"message":"x"}', 415],
    [{ 'content-type': 'application/json; charset="utf-7"' }, '{"message":"x"}', 415],
    [{ 'content-type': 'application/json, text/plain' }, '{"message":"x"}', 415],
    [{ 'content-type': 'text/plain' }, '{"message":"x"}', 415],
    [{}, Buffer.from('{"message":"\xff\xfe"}', 'latin1'), 400],
    [{}, Buffer.from('{"message":"\xc0\xaf"}', 'latin1'), 400],
    [{}, Buffer.from('\xff\xfe{\0}\0', 'latin1'), 400],
  ];
  for (const [headers, body, status] of odd) {
    assert.equal(
      (await post(base, '/api/v1/agent.run', body, headers)).status,
      status,
      JSON.stringify(headers),
    );
  }
  assert.deepEqual(base.calls, []);
  const plain = { 'content-type': 'application/json; charset=UTF-8', 'content-encoding': 'identity' };
  assert.equal((await post(base, '/api/v1/agent.run', '{"message":"é"}', plain)).status, 200);
});

test('http/a body nested half a million levels deep: refused without an internal error', async () => {
  await using base = await gateway();
  const deep = `${'['.repeat(500_000)}${']'.repeat(500_000)}`;
  const user = '"messages":[{"role":"user","content":"x"}]';
  const bodies = [
    ['/v1/chat/completions', `{${user},"modalities":${deep}}`],
    ['/v1/chat/completions', `{${user},"response_format":${deep}}`],
    ['/v1/chat/completions', `{${user},"tools":${deep}}`],
    ['/v1/chat/completions', `{"messages":${deep}}`],
    ['/tools/invoke', `{"tool":"x","args":${deep}}`],
  ] as const;
  for (const [path, body] of bodies) assert.equal((await post(base, path, body)).status, 400);
  assert.deepEqual([base.calls, base.logged], [[], []]);
});

test('a transcript of as many messages as are read is taken', async () => {
  await using base = await gateway();
  const messages = Array.from({ length: MAX_MESSAGES }, () => ({ role: 'user', content: 'x' }));
  assert.equal((await post(base, '/v1/chat/completions', JSON.stringify({ messages }))).status, 200);
});

test('http/one message more than a transcript may hold: refused before any of them is read', async () => {
  await using base = await gateway();
  const messages = Array.from({ length: MAX_MESSAGES + 1 }, () => 'not even a message');
  const { status, message } = await post(base, '/v1/chat/completions', JSON.stringify({ messages }));
  assert.equal(status, 400);
  assert.match(message ?? '', /^messages: must hold at most/);
});

test('http/a client that leaves while it sends its body: no line in the log, so that a flood of them fills none', async () => {
  await using base = await gateway();
  const socket = base.dial();
  const lines = ['Host: localhost', `Authorization: Bearer ${base.token}`, 'Content-Type: application/json'];
  socket.write(`POST /api/v1/agent.run HTTP/1.1\r\n${lines.join('\r\n')}\r\nContent-Length: 9\r\n\r\n{`);
  await accepted(base);
  const left = base.nextDisconnect();
  socket.resetAndDestroy();
  await left;
  assert.equal((await post(base, '/api/v1/agent.run', '{"message":"x"}')).status, 200);
  assert.deepEqual([base.logged, base.calls.length], [[], 1]);
});

/** Resolves once the caller of the open request was let in. */
async function accepted(base: TestGateway): Promise<void> {
  while (!base.codes().includes('login.accepted')) await new Promise((resolve) => setImmediate(resolve));
}
