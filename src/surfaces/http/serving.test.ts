import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GatehouseError } from '../../kernel/index.ts';
import { type FakeOperation, jsonOf, testGateway } from './testing/gateway.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

/** A turn of two steps; it goes on until it is stopped when the message says so. */
const RUN: FakeOperation = {
  id: 'agent.run',
  scope: 'operator.write',
  streams: true,
  async run(input, _caller, { emit, signal }) {
    const { message } = input as { message: string };
    if (message === 'fail early')
      throw new GatehouseError('OP_AGENT_UNKNOWN', 'no such agent', { status: 404 });
    emit?.({ type: 'started' });
    if (message === 'fail late') throw new GatehouseError('MODEL_UNAVAILABLE', 'no model', { status: 502 });
    if (message === 'wait') await once(signal ?? assert.fail('no signal'), 'abort');
    emit?.({ type: 'text', delta: 'hello' });
    return { text: 'hello' };
  },
};

const TOOL: FakeOperation = {
  id: 'tools.invoke',
  scope: 'operator.write',
  run(input) {
    const { tool, args } = input as { tool: string; args: { path?: string; action?: string } };
    if (tool === 'read')
      return { isError: false, text: `${args.path} ${args.action}`, details: { lines: 1 } };
    if (tool === 'web_fetch') return { isError: true, text: 'no', code: 'EGRESS_HOST_NOT_ALLOWED' };
    if (tool === 'list')
      return { isError: true, text: 'wait', code: 'TOOL_APPROVAL_REQUIRED', requiresApproval: 'a-1' };
    if (tool === 'search') throw new GatehouseError('OP_AGENT_UNKNOWN', 'no such agent', { status: 404 });
    return { isError: true, text: 'no such tool', code: 'TOOL_UNKNOWN' };
  },
};

async function gateway(limits: { bufferedBytes?: number } = {}) {
  const base = await testGateway({ operations: [RUN, TOOL], limits });
  const token = await base.issue('writer', ['operator.write']);
  const call = (path: string, body: object, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(base.url + path, {
      method: 'POST',
      headers: { ...JSON_TYPE, authorization: `Bearer ${token}`, ...headers },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  return { ...base, token, call };
}

const NDJSON = { accept: 'application/x-ndjson' };

test('an operation with events answers lines when asked for lines, and one object otherwise', async () => {
  await using base = await gateway();
  const lines = await base.call('/api/v1/agent.run', { message: 'hi' }, NDJSON);
  assert.match(lines.headers.get('content-type') ?? '', /^application\/x-ndjson/);
  assert.equal(lines.headers.get('cache-control'), 'no-store');
  const read = (await lines.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(read, [
    { event: { type: 'started' } },
    { event: { type: 'text', delta: 'hello' } },
    { result: { text: 'hello' } },
  ]);
  const whole = await base.call('/api/v1/agent.run', { message: 'hi' });
  assert.deepEqual(await whole.json(), { ok: true, result: { text: 'hello' } });
});

test('a failure before the first event keeps its status, one after it is the last line', async () => {
  await using base = await gateway();
  const early = await base.call('/api/v1/agent.run', { message: 'fail early' }, NDJSON);
  assert.equal(early.status, 404);
  assert.equal((await jsonOf(early)).error.code, 'OP_AGENT_UNKNOWN');
  const late = await base.call('/api/v1/agent.run', { message: 'fail late' }, NDJSON);
  const last = (await late.text()).trim().split('\n').at(-1) ?? '';
  assert.equal(JSON.parse(last).error.code, 'MODEL_UNAVAILABLE');
});

test('a client that goes away ends what it asked for', async () => {
  for (const headers of [NDJSON, {}]) {
    let ended = (): void => {};
    const stopped = new Promise<void>((resolve) => (ended = resolve));
    const operation: FakeOperation = {
      ...RUN,
      async run(_input, _caller, { emit, signal }) {
        emit?.({ type: 'started' });
        started();
        await once(signal ?? assert.fail('no signal'), 'abort');
        ended();
      },
    };
    let started = (): void => {};
    const running = new Promise<void>((resolve) => (started = resolve));
    await using base = await testGateway({ operations: [operation] });
    const token = await base.issue('writer', ['operator.write']);
    const client = new AbortController();
    const answer = fetch(`${base.url}/api/v1/agent.run`, {
      method: 'POST',
      headers: { ...JSON_TYPE, ...headers, authorization: `Bearer ${token}` },
      body: '{}',
      signal: client.signal,
    });
    answer.catch(() => {});
    await running;
    client.abort();
    await stopped;
  }
});

test('http/a reader that takes nothing: its connection is closed at the bound and its run ends', async () => {
  let ended = (): void => {};
  const stopped = new Promise<void>((resolve) => (ended = resolve));
  const flood: FakeOperation = {
    ...RUN,
    async run(_input, _caller, { emit, signal }) {
      for (;;) {
        if (signal?.aborted !== false) break;
        for (let i = 0; i < 64; i++) emit?.({ type: 'text', delta: 'x'.repeat(4_096) });
        await new Promise((resolve) => setImmediate(resolve));
      }
      ended();
    },
  };
  await using base = await testGateway({ operations: [flood], limits: { bufferedBytes: 256 * 1024 } });
  const token = await base.issue('writer', ['operator.write']);
  const socket = base.dial();
  socket.pause();
  const lines = [
    'Host: localhost',
    `Authorization: Bearer ${token}`,
    'Accept: application/x-ndjson',
    'Content-Length: 0',
  ];
  socket.write(`POST /api/v1/agent.run HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  await stopped;
});

test('the probes answer without a token, to GET and HEAD, under both names', async () => {
  await using base = await gateway();
  for (const path of ['/healthz', '/health', '/readyz', '/ready', '/startupz', '/startup']) {
    assert.equal((await fetch(base.url + path)).status, 200, path);
    const head = await fetch(base.url + path, { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(await head.text(), '');
  }
  assert.deepEqual(await (await fetch(`${base.url}/healthz`)).json(), { ok: true, status: 'live' });
  const started = await jsonOf(await fetch(`${base.url}/startupz`));
  assert.equal(started.version, '0.0.0-test');
});

test('readiness is 503 with what is failing, which only this machine is told', async () => {
  const runtime = { version: '1', startedAt: 0, ready: () => ({ ready: false, failing: ['egress'] }) };
  await using base = await testGateway({ parts: { runtime }, rules: { trustedProxies: ['127.0.0.1'] } });
  const near = await fetch(`${base.url}/readyz`);
  assert.equal(near.status, 503);
  assert.deepEqual((await jsonOf(near)).failing, ['egress']);
  const far = await fetch(`${base.url}/readyz`, { headers: { 'x-forwarded-for': '203.0.113.9' } });
  assert.deepEqual(await far.json(), { ready: false });
});

test('OpenAPI lists every operation with its scope, to callers only', async () => {
  await using base = await gateway();
  assert.equal((await fetch(`${base.url}/openapi.json`)).status, 401);
  const headers = { authorization: `Bearer ${base.token}` };
  const document = await jsonOf(await fetch(`${base.url}/openapi.json`, { headers }));
  assert.deepEqual(Object.keys(document.paths), ['/api/v1/agent.run', '/api/v1/tools.invoke']);
  assert.equal(document.paths['/api/v1/agent.run']?.post['x-gatehouse-scope'], 'operator.write');
});

test('an operation that does not exist is named as such', async () => {
  await using base = await gateway();
  const answer = await base.call('/api/v1/agent.rum', {});
  assert.equal(answer.status, 404);
  assert.equal((await jsonOf(answer)).error.code, 'OP_UNKNOWN');
});

test('tools/invoke answers as OpenClaw does', async () => {
  await using base = await gateway();
  const invoke = async (body: object) => {
    const answer = await base.call('/tools/invoke', body);
    return [answer.status, await jsonOf(answer)] as const;
  };
  assert.deepEqual(await invoke({ name: 'read', args: { path: 'a' }, action: 'get' }), [
    200,
    { ok: true, result: { content: [{ type: 'text', text: 'a get' }], details: { lines: 1 } } },
  ]);
  assert.deepEqual((await invoke({}))[1], {
    ok: false,
    error: { type: 'invalid_request', message: 'tool is required' },
  });
  assert.equal((await invoke({ tool: 'read', args: [] }))[0], 400);
  const [status, waiting] = await invoke({ tool: 'list' });
  assert.equal(status, 403);
  assert.equal(waiting.error.requiresApproval, 'a-1');
  assert.equal((await invoke({ tool: 'web_fetch' }))[0], 403);
  assert.equal((await invoke({ tool: 'search', agentId: 'nobody' }))[0], 400);
  assert.equal((await invoke({ tool: 'bogus' }))[0], 404);
});

test('http/a tool that runs programs or changes files, over tools/invoke: refused like one that does not exist', async () => {
  await using base = await gateway();
  for (const tool of ['shell', 'EXEC', 'write', 'edit', 'sessions_spawn']) {
    const answer = await base.call('/tools/invoke', { tool });
    assert.equal(answer.status, 404);
    assert.equal((await jsonOf(answer)).error.type, 'not_found');
  }
  assert.deepEqual(base.calls, []);
});

test('over the operator socket the caller is the local operator, and no token is asked for', async () => {
  await using base = await gateway();
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-http-'));
  const socketPath = join(directory, 'gateway.sock');
  const server = base.surface.server('socket');
  server.listen(socketPath);
  await once(server, 'listening');
  try {
    const request = httpRequest({
      socketPath,
      path: '/api/v1/agent.run',
      method: 'POST',
      headers: JSON_TYPE,
    });
    request.end(JSON.stringify({ message: 'hi' }));
    const [answer] = await once(request, 'response');
    assert.equal(answer.statusCode, 200);
    answer.resume();
    await once(answer, 'end');
    assert.equal(base.calls[0]?.caller.principal.id, 'local');
    assert.equal(base.calls[0]?.caller.surface, 'socket');
  } finally {
    server.closeAllConnections();
    await rm(directory, { recursive: true, force: true });
  }
});

test('http/a listener on a Unix socket that is not the operator socket, without a token: refused', async () => {
  await using base = await gateway();
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-http-'));
  const socketPath = join(directory, 'public.sock');
  const server = base.surface.server('token');
  server.listen(socketPath);
  await once(server, 'listening');
  const send = async (headers: Record<string, string>) => {
    const options = { socketPath, path: '/api/v1/agent.run', method: 'POST' };
    const request = httpRequest({ ...options, headers: { ...JSON_TYPE, ...headers } });
    request.end(JSON.stringify({ message: 'hi' }));
    const [answer] = await once(request, 'response');
    answer.resume();
    return answer.statusCode;
  };
  try {
    assert.equal(await send({}), 401);
    assert.equal(await send({ 'x-forwarded-for': '127.0.0.1' }), 403);
    assert.deepEqual(base.calls, []);
    assert.equal(await send({ authorization: `Bearer ${base.token}` }), 200);
  } finally {
    server.closeAllConnections();
    await rm(directory, { recursive: true, force: true });
  }
});
