import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { type GatewayOptions, type TestGateway, testGateway } from './testing/gateway.ts';

const READ = { id: 'health.get', scope: 'operator.read', run: () => ({ ok: true }) } as const;
const ADMIN = { id: 'token.list', scope: 'operator.admin', run: () => ({ tokens: [] }) } as const;

async function gateway(options: GatewayOptions = {}) {
  const base = await testGateway({ operations: [READ, ADMIN], ...options });
  const token = await base.issue('reader', ['operator.read']);
  return { ...base, token };
}

function post(base: TestGateway, path: string, headers: Record<string, string>, body: string = '{}') {
  const type = { 'content-type': 'application/json' };
  return fetch(base.url + path, { method: 'POST', headers: { ...type, ...headers }, body });
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

async function expectRefusal(
  base: TestGateway,
  answer: Response,
  status: number,
  code: string,
): Promise<void> {
  assert.equal(answer.status, status);
  const body = (await answer.json()) as { error: { code: string } };
  assert.equal(body.error.code, code);
  assert.deepEqual(base.calls, []);
}

/** A raw request with these header lines, which fetch would not send. */
function request(target: string, lines: readonly string[], body = '', method = 'GET'): string {
  return `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\nConnection: close\r\n\r\n${body}`;
}

test('a valid token calls an operation, and every answer forbids caching, sniffing, framing and other origins', async () => {
  await using base = await gateway();
  const answer = await post(base, '/api/v1/health.get', bearer(base.token));
  assert.deepEqual(await answer.json(), { ok: true, result: { ok: true } });
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(answer.headers.get('access-control-allow-origin'), null);
  assert.equal(base.calls[0]?.caller.surface, 'http');
});

test('http/no token: refused', async () => {
  await using base = await gateway();
  await expectRefusal(base, await post(base, '/api/v1/health.get', {}), 401, 'AUTH_TOKEN_MISSING');
  assert.ok(base.codes().includes('AUTH_TOKEN_MISSING'));
});

test('http/a bad token, another scheme and a token that is not alone: refused', async () => {
  await using base = await gateway();
  const wrong = ['Bearer changeme', `Basic ${base.token}`, `Bearer ${base.token} x`, base.token, 'Bearer'];
  for (const authorization of wrong) {
    const answer = await post(base, '/api/v1/health.get', { authorization });
    assert.equal(answer.status, 401, authorization);
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
  }
  assert.deepEqual(base.calls, []);
  assert.ok(base.codes().includes('AUTH_TOKEN_INVALID'));
});

test('http/an expired and a revoked token: refused', async () => {
  await using base = await gateway();
  const short = await base.issue('short', ['operator.read'], { expiresAt: 1_800_000_000_500 });
  base.advance(1_000);
  await expectRefusal(base, await post(base, '/api/v1/health.get', bearer(short)), 401, 'AUTH_TOKEN_EXPIRED');
  await base.auth.revokeToken('reader');
  await expectRefusal(
    base,
    await post(base, '/api/v1/health.get', bearer(base.token)),
    401,
    'AUTH_TOKEN_REVOKED',
  );
  assert.deepEqual(base.codes().slice(-3), ['AUTH_TOKEN_EXPIRED', 'token.revoked', 'AUTH_TOKEN_REVOKED']);
});

test('http/an operation beyond the scopes of the token: refused', async () => {
  await using base = await gateway();
  const answer = await post(base, '/api/v1/token.list', bearer(base.token));
  await expectRefusal(base, answer, 403, 'AUTH_SCOPE_MISSING');
});

test('http/a token in the URL, in any parameter or place: refused without being used', async () => {
  await using base = await gateway();
  const { token } = base;
  const targets = [
    `/healthz?token=${token}`,
    '/healthz?access_token=x',
    '/healthz?API_KEY=x',
    '/healthz?x-auth-token=x',
    '/healthz?a=1&password=x',
    `/healthz?q=${token}`,
    `/${token}`,
    '/healthz?q=gth%5Fabc',
    '/healthz?to%6ben=x',
    '/healthz?authToken=x',
    '/healthz?auth[token]=x',
    `/healthz?q=${token.replace('gth_', '%67%74%68_')}`,
    `/${token.replace('gth_', '%2567th_')}`,
  ];
  for (const target of targets) {
    const answer = await fetch(base.url + target, { headers: bearer(token) });
    await expectRefusal(base, answer, 400, 'LISTEN_TOKEN_IN_URL');
  }
  assert.equal(base.codes().at(-1), 'LISTEN_TOKEN_IN_URL');
  assert.ok(!JSON.stringify(base.events).includes(token));
});

test('http/a Host that a hostile DNS server pointed here: refused, even for probes', async () => {
  await using base = await gateway();
  const hosts = [
    'evil.example',
    'evil.example:18789',
    '127.0.0.1.evil.example',
    'localhost.',
    '0.0.0.0',
    '[::]',
    'a@b',
    '127.1',
    '2130706433',
  ];
  for (const host of hosts) {
    const answer = await base.raw(request('/healthz', [`Host: ${host}`]));
    assert.match(answer, /^HTTP\/1\.1 403 /, host);
    assert.match(answer, /LISTEN_HOST_NOT_ALLOWED/);
  }
  assert.equal(base.codes()[0], 'LISTEN_HOST_NOT_ALLOWED');
  for (const host of ['localhost', 'LOCALHOST:9000', '127.0.0.1', '[::1]:18789']) {
    assert.match(await base.raw(request('/healthz', [`Host: ${host}`])), /^HTTP\/1\.1 200 /, host);
  }
});

test('http/a hostile Origin, a null one and a cross-site fetch: refused even with a valid token', async () => {
  await using base = await gateway();
  const auth = bearer(base.token);
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { origin: 'file://' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]) {
    const lines = Object.entries({ ...auth, ...headers, host: '127.0.0.1' }).map(([k, v]) => `${k}: ${v}`);
    const answer = await base.raw(request('/api/v1/health.get', [...lines, 'content-length: 0'], '', 'POST'));
    assert.match(answer, /^HTTP\/1\.1 403 [^]*LISTEN_ORIGIN_NOT_ALLOWED/, JSON.stringify(headers));
  }
  assert.deepEqual(base.calls, []);
  assert.ok(base.codes().includes('LISTEN_ORIGIN_NOT_ALLOWED'));
});

test('the gateway itself and a listed origin are allowed', async () => {
  await using base = await gateway({ rules: { allowedOrigins: ['https://ui.example'] } });
  for (const origin of [`http://127.0.0.1:${base.port}`, 'https://ui.example']) {
    const lines = [`Host: 127.0.0.1:${base.port}`, `Origin: ${origin}`];
    assert.match(await base.raw(request('/healthz', lines)), /^HTTP\/1\.1 200 /);
  }
});

test('http/forwarding headers from anybody: refused; from a listed proxy they name the client', async () => {
  await using base = await gateway();
  for (const header of [
    'X-Forwarded-For: 127.0.0.1',
    'Forwarded: for=127.0.0.1',
    'X-Real-IP: 1.1.1.1',
    'X-Forwarded-Host: localhost',
  ]) {
    const answer = await base.raw(request('/healthz', ['Host: localhost', header]));
    assert.match(answer, /^HTTP\/1\.1 403 [^]*proxy_attribution_required/, header);
  }
  await using behind = await gateway({ rules: { trustedProxies: ['127.0.0.1'] } });
  const spoof = ['Host: localhost', 'X-Forwarded-For: 127.0.0.1, 203.0.113.9', `Authorization: Bearer wrong`];
  await behind.raw(request('/openapi.json', spoof));
  assert.equal(behind.events.at(-1)?.data?.['address'], '203.0.113.9');
});

test('http/two Hosts, two Authorizations, both lengths, a target that is no path: refused', async () => {
  await using base = await gateway();
  const cases = [
    request('/healthz', ['Host: localhost', 'Host: evil.example']),
    request('/healthz', ['Host: localhost', 'Authorization: Bearer a', 'Authorization: Bearer b']),
    request(
      '/healthz',
      ['Host: localhost', 'Content-Length: 3', 'Transfer-Encoding: chunked'],
      '0\r\n\r\n',
      'POST',
    ),
    request('/healthz', ['Host: localhost', 'Content-Length: 3', 'Content-Length: 4'], 'abcd', 'POST'),
    request('/healthz', []),
    request('http://evil.example/healthz', ['Host: localhost']),
    request('//evil.example/healthz', ['Host: localhost']),
    request('*', ['Host: localhost'], '', 'OPTIONS'),
    request('/healthz', ['Host: localhost', 'X: a\nTransfer-Encoding: chunked']),
  ];
  for (const text of cases) assert.match(await base.raw(text), /^HTTP\/1\.1 400 /, text);
  assert.deepEqual(base.calls, []);
});

test('http/a target that the router cannot read: refused after the same checks, and not repeated', async () => {
  await using base = await gateway();
  const targets = ['/%zz', '/api/v1/%E0%A4%A', `/api/v1/${'a'.repeat(200)}`];
  for (const target of targets) {
    const answer = await base.raw(request(target, ['Host: localhost'], '', 'POST'));
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /HTTP_TARGET_INVALID/);
    assert.match(answer, /x-content-type-options: nosniff/);
    assert.ok(!answer.includes(target));
    assert.match(await base.raw(request(target, ['Host: evil.example'])), /LISTEN_HOST_NOT_ALLOWED/);
  }
  assert.ok(base.codes().includes('LISTEN_HOST_NOT_ALLOWED'));
});

test('http/a transfer coding that nobody takes off again: refused', async () => {
  await using base = await gateway();
  const lines = ['Host: localhost', `Authorization: Bearer ${base.token}`, 'Content-Type: application/json'];
  const send = (coding: string) =>
    base.raw(
      request(
        '/api/v1/health.get',
        [...lines, `Transfer-Encoding: ${coding}`],
        '2\r\n{}\r\n0\r\n\r\n',
        'POST',
      ),
    );
  for (const coding of ['gzip, chunked', 'identity, chunked', 'chunked, chunked', 'xchunked']) {
    assert.match(await send(coding), /^HTTP\/1\.1 400 /, coding);
  }
  assert.deepEqual(base.calls, []);
  for (const coding of ['chunked', '\tChunked ']) assert.match(await send(coding), /^HTTP\/1\.1 200 /);
});

test('http/headers past their bounds: refused; at the bounds they are taken', async () => {
  await using base = await gateway({ limits: { headerBytes: 2_048, headerCount: 8 } });
  const many = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: 1`);
  // Host and Connection are two of the eight.
  assert.match(await base.raw(request('/healthz', ['Host: localhost', ...many(6)])), /^HTTP\/1\.1 200 /);
  assert.match(await base.raw(request('/healthz', ['Host: localhost', ...many(7)])), /^HTTP\/1\.1 431 /);
  assert.match(await base.raw(request('/healthz', ['Host: localhost', ...many(90)])), /^HTTP\/1\.1 431 /);
  const big = request('/healthz', ['Host: localhost', `X: ${'a'.repeat(3_000)}`]);
  assert.match(await base.raw(big), /^HTTP\/1\.1 431 /);
});

test('http/a body past its bound: refused, and none is read before the caller is known', async () => {
  await using base = await gateway();
  const body = JSON.stringify({ text: 'x'.repeat(1024 * 1024) });
  await expectRefusal(
    base,
    await post(base, '/api/v1/health.get', bearer(base.token), body),
    413,
    'HTTP_BODY_TOO_LARGE',
  );
  const head = ['Host: localhost', 'Content-Type: application/json', 'Content-Length: 1000000'];
  const answer = await base.raw(request('/api/v1/health.get', head, '', 'POST'));
  assert.match(answer, /^HTTP\/1\.1 401 /);
  assert.match(answer, /connection: close/i);
});

test('http/a form, broken JSON and a poisoned prototype: refused', async () => {
  await using base = await gateway();
  const auth = bearer(base.token);
  const form = await post(base, '/api/v1/health.get', { ...auth, 'content-type': 'text/plain' });
  await expectRefusal(base, form, 415, 'HTTP_MEDIA_TYPE');
  for (const body of ['{', '{"__proto__":{"x":1}}', '{"constructor":{"prototype":{}}}']) {
    await expectRefusal(base, await post(base, '/api/v1/health.get', auth, body), 400, 'HTTP_BODY_INVALID');
  }
});

test('http/headers that never end: the connection is closed at the time limit', async () => {
  const limits = { headersTimeoutMs: 100, requestTimeoutMs: 200, checkIntervalMs: 20 };
  await using base = await gateway({ limits });
  const slow = base.dial();
  slow.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ');
  const trickle = setInterval(() => slow.write('a'), 20);
  slow.resume();
  await once(slow, 'close');
  clearInterval(trickle);
  const body = base.dial();
  body.write(
    `POST /api/v1/health.get HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${base.token}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{`,
  );
  body.resume();
  await once(body, 'close');
  assert.deepEqual(base.calls, []);
});

test('http/more unauthenticated connections than an address may hold: the oldest is closed, a caller gets in', async () => {
  await using base = await gateway({ limits: { unauthenticatedPerAddress: 3 } });
  const known = base.dial();
  const lines = [
    'POST /api/v1/health.get HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${base.token}`,
  ];
  known.write(`${lines.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`);
  await once(known, 'data');
  const oldest = base.dial();
  oldest.resume();
  await once(oldest, 'connect');
  const idle = [base.dial(), base.dial()];
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  const closed = once(oldest, 'close');
  const answer = await post(base, '/api/v1/health.get', bearer(base.token));
  assert.equal(answer.status, 200);
  await closed;
  known.write(`${lines.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`);
  assert.match(String(await once(known, 'data')), /^HTTP\/1\.1 200 /);
  assert.ok(idle.every((socket) => !socket.destroyed));
});

test('http/ten wrong tokens: 429 with Retry-After, while a real token goes on working', async () => {
  await using base = await gateway();
  for (let i = 0; i < 10; i++) await post(base, '/api/v1/health.get', bearer('wrong'));
  const locked = await fetch(`${base.url}/v1/models`, { headers: bearer('wrong') });
  assert.equal(locked.status, 429);
  assert.equal(locked.headers.get('retry-after'), '300');
  const body = (await locked.json()) as { error: { message: string; type: string } };
  assert.equal(body.error.message, 'Too many attempts, try later.');
  assert.equal(body.error.type, 'rate_limited');
  assert.equal((await post(base, '/api/v1/health.get', bearer(base.token))).status, 200);
});

test('what does not exist is 404 in plain text, and a wrong method is 405 with Allow, whatever the body', async () => {
  await using base = await gateway();
  for (const path of ['/', '/healthz/x', '/api/v2/x', '/v1/responses']) {
    const answer = await post(base, path, {}, '{');
    assert.equal(answer.status, 404, path);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain/);
  }
  const cases = [
    ['POST', '/healthz', 'GET, HEAD'],
    ['GET', '/api/v1/health.get', 'POST'],
    ['GET', '/v1/chat/completions', 'POST'],
    ['OPTIONS', '/tools/invoke', 'POST'],
    ['HEAD', '/openapi.json', 'GET'],
    ['DELETE', '/v1/models/openclaw', 'GET'],
  ] as const;
  for (const [method, path, allow] of cases) {
    const answer = await fetch(base.url + path, { method });
    assert.equal(answer.status, 405, path);
    assert.equal(answer.headers.get('allow'), allow);
  }
});
