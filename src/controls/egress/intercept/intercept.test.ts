import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { certificateFor, type TestCertificate } from '../testing/certificates.ts';
import { NO_SECRETS, newAuthority, TunnelClient } from '../testing/intercepted.ts';
import { rule, startRunProxy, TableResolver } from '../testing/parts.ts';
import { codeOf, RawClient, rawRequest } from '../testing/sockets.ts';
import { type SeenRequest, tlsServer } from '../testing/tls-server.ts';

const HOST = 'api.service.dev';
const LOOPBACK = ['127.0.0.0/8'];

let certificate: TestCertificate;
let upstream: Awaited<ReturnType<typeof tlsServer>>;
let answer: (request: SeenRequest, response: ServerResponse) => void;
const authority = newAuthority();
const ok = (_request: SeenRequest, response: ServerResponse): void => void response.end('hello');

before(async () => {
  certificate = certificateFor(HOST, '127.0.0.1');
  upstream = await tlsServer(certificate, (request, response) => answer(request, response));
  answer = ok;
});
after(() => upstream[Symbol.asyncDispose]());

const RULE = { methods: ['GET', 'POST'], paths: ['/v1/**', '/health'], networks: LOOPBACK } as const;

function start(options: Parameters<typeof startRunProxy>[0] = {}) {
  upstream.seen.length = 0;
  answer = ok;
  return startRunProxy({
    rules: [rule(HOST, upstream.port, RULE)],
    resolver: new TableResolver({ [HOST]: [['127.0.0.1']] }),
    interception: { authority, secrets: NO_SECRETS, ca: certificate.cert },
    ...options,
  });
}

const at = (): string => `${HOST}:${upstream.port}`;
const open = (socketPath: string, more = {}) =>
  TunnelClient.open(socketPath, at(), authority.certificate, more);
const get = (path: string, ...headers: string[]): string =>
  [`GET ${path} HTTP/1.1`, `Host: ${at()}`, ...headers, '', ''].join('\r\n');

test('a request that its rule names passes, and is on record with method and path', async () => {
  await using proxy = await start();
  const client = await open(proxy.socketPath);
  client.send(get('/v1/items?q=1'));
  await client.until((text) => text.endsWith('hello'));
  assert.deepEqual(
    upstream.seen.map(({ method, url }) => `${method} ${url}`),
    ['GET /v1/items?q=1'],
  );
  const event = await proxy.ledger.seen(({ action }) => action === 'net.request');
  assert.equal(event.outcome, 'allow');
  assert.deepEqual([event.data?.['method'], event.data?.['path'], event.rule], ['GET', '/v1/items', at()]);
  client.send(get('/health'));
  await client.until((text) => text.match(/hello/g)?.length === 2);
  assert.equal(upstream.connections, 1);
  client.close();
});

describe('egress/requests inside a tunnel', () => {
  const refusals: readonly (readonly [title: string, request: () => string, code: string])[] = [
    ['another method', () => get('/v1/a').replace('GET', 'DELETE'), 'EGRESS_REQUEST_NOT_ALLOWED'],
    ['another path', () => get('/admin'), 'EGRESS_REQUEST_NOT_ALLOWED'],
    ['a path that only begins like one', () => get('/v1x'), 'EGRESS_REQUEST_NOT_ALLOWED'],
    ['dot segments', () => get('/v1/../admin'), 'EGRESS_PATH_AMBIGUOUS'],
    ['escaped dot segments', () => get('/v1/%2e%2e/admin'), 'EGRESS_PATH_AMBIGUOUS'],
    ['an escaped slash', () => get('/v1/..%2fadmin'), 'EGRESS_PATH_AMBIGUOUS'],
    ['double encoding', () => get('/v1/%252e%252e/admin'), 'EGRESS_PATH_AMBIGUOUS'],
    ['an escaped backslash', () => get('/v1/..%5cadmin'), 'EGRESS_PATH_AMBIGUOUS'],
    ['a matrix parameter', () => get('/v1/..;/admin'), 'EGRESS_PATH_AMBIGUOUS'],
    ['an empty segment', () => get('/v1//admin'), 'EGRESS_PATH_AMBIGUOUS'],
    ['overlong UTF-8', () => get('/v1/%c0%ae%c0%ae/admin'), 'EGRESS_PATH_AMBIGUOUS'],
    ['an escaped NUL', () => get('/v1/a%00'), 'EGRESS_PATH_AMBIGUOUS'],
    ['a backslash', () => get('/v1/..\\admin'), 'EGRESS_URL_INVALID'],
    ['another Host', () => get('/v1/a').replace(at(), 'other.dev'), 'EGRESS_HOST_MISMATCH'],
    ['another port in Host', () => get('/v1/a').replace(at(), HOST), 'EGRESS_HOST_MISMATCH'],
    ['no Host', () => 'GET /v1/a HTTP/1.0\r\n\r\n', 'EGRESS_HOST_MISMATCH'],
    ['two Hosts', () => get('/v1/a', `Host: ${at()}`), 'EGRESS_REQUEST_MALFORMED'],
    ['absolute form', () => get(`https://${at()}/v1/a`), 'EGRESS_URL_INVALID'],
    ['CONNECT', () => get('other.dev:443').replace('GET', 'CONNECT'), 'EGRESS_METHOD_REFUSED'],
    ['TRACE', () => get('/v1/a').replace('GET', 'TRACE'), 'EGRESS_METHOD_REFUSED'],
    ['a method override', () => get('/v1/a', 'X-HTTP-Method-Override: DELETE'), 'EGRESS_HEADER_REFUSED'],
    ['a method override with underscores', () => get('/v1/a', 'X_HTTP_Method: PUT'), 'EGRESS_HEADER_REFUSED'],
    ['a method override in the query', () => get('/v1/a?_method=DELETE'), 'EGRESS_HEADER_REFUSED'],
    ['a path override', () => get('/v1/a', 'X-Original-URL: /admin'), 'EGRESS_HEADER_REFUSED'],
    ['a header made hop-by-hop', () => get('/v1/a', 'Connection: authorization'), 'EGRESS_HEADER_REFUSED'],
    ['WebSocket', () => get('/v1/a', 'Connection: Upgrade', 'Upgrade: websocket'), 'EGRESS_UPGRADE_REFUSED'],
    [
      'h2c',
      () =>
        get(
          '/v1/a',
          'Connection: Upgrade, HTTP2-Settings',
          'Upgrade: h2c',
          'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
        ),
      'EGRESS_UPGRADE_REFUSED',
    ],
    ['HTTP/2 by prior knowledge', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'EGRESS_REQUEST_MALFORMED'],
    ['extended CONNECT', () => get('/v1/a', ':protocol: websocket'), 'EGRESS_REQUEST_MALFORMED'],
    ['two lengths', () => get('/v1/a', 'Content-Length: 0', 'Content-Length: 5'), 'EGRESS_REQUEST_MALFORMED'],
    [
      'a length and chunks',
      () => get('/v1/a', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
      'EGRESS_REQUEST_MALFORMED',
    ],
    ['a disguised coding', () => get('/v1/a', 'Transfer-Encoding: xchunked'), 'EGRESS_REQUEST_MALFORMED'],
    ['a folded header', () => get('/v1/a', 'X-A: b', ' c: d'), 'EGRESS_REQUEST_MALFORMED'],
    ['bare line feeds', () => `GET /v1/a HTTP/1.1\nHost: ${at()}\n\n`, 'EGRESS_REQUEST_MALFORMED'],
    ['a length with underscore', () => get('/v1/a', 'Content_Length: 5'), 'EGRESS_REQUEST_MALFORMED'],
  ];
  for (const [title, request, code] of refusals) {
    test(`egress/${title} inside an intercepted tunnel: refused`, async () => {
      await using proxy = await start();
      const client = await open(proxy.socketPath);
      client.send(request());
      const text = await client.until((seen) => /x-gatehouse-code: \S+\r\n/.test(seen));
      assert.equal(codeOf(text), code);
      assert.equal(upstream.seen.length, 0);
      const event = await proxy.ledger.refusal(code);
      assert.equal(event.outcome, 'deny');
      client.close();
    });
  }

  test('egress/pipelining to another host: refused', async () => {
    await using proxy = await start();
    const client = await open(proxy.socketPath);
    client.send(get('/v1/a') + get('/v1/b').replace(at(), 'other.dev'));
    const text = await client.until((seen) => /x-gatehouse-code/.test(seen));
    assert.equal(codeOf(text), 'EGRESS_HOST_MISMATCH');
    assert.deepEqual(
      upstream.seen.map(({ url }) => url),
      ['/v1/a'],
    );
    client.close();
  });
});

test('egress/an upstream whose certificate is not trusted: refused', async () => {
  await using proxy = await start({ interception: { authority, secrets: NO_SECRETS } });
  const client = await open(proxy.socketPath);
  client.send(get('/v1/a'));
  const text = await client.until((seen) => /x-gatehouse-code/.test(seen));
  assert.equal(codeOf(text), 'EGRESS_UPSTREAM_TLS');
  assert.equal(upstream.seen.length, 0);
  client.close();
});

test('egress/an upstream whose certificate is for another name: refused', async () => {
  const other = certificateFor('other.dev');
  await using wrong = await tlsServer(other, ok);
  await using proxy = await start({
    rules: [rule(HOST, wrong.port, RULE)],
    interception: { authority, secrets: NO_SECRETS, ca: other.cert },
  });
  const client = await TunnelClient.open(proxy.socketPath, `${HOST}:${wrong.port}`, authority.certificate);
  client.send(get('/v1/a').replace(at(), `${HOST}:${wrong.port}`));
  const text = await client.until((seen) => /x-gatehouse-code/.test(seen));
  assert.equal(codeOf(text), 'EGRESS_UPSTREAM_TLS');
  assert.equal(wrong.seen.length, 0);
  client.close();
});

test('egress/a switch of protocols that nobody asked for: refused', async () => {
  await using proxy = await start();
  answer = (_request, response) => {
    response.socket?.end(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw bytes',
    );
  };
  const client = await open(proxy.socketPath);
  client.send(get('/v1/a'));
  const text = await client.until((seen) => /x-gatehouse-code/.test(seen));
  assert.equal(codeOf(text), 'EGRESS_UPSTREAM_PROTOCOL');
  assert.equal(text.includes('raw bytes'), false);
  client.close();
});

test('egress/HTTP/2 offered by the client: refused', async () => {
  await using proxy = await start();
  await assert.rejects(open(proxy.socketPath, { alpn: ['h2'] }));
  assert.equal(upstream.seen.length, 0);
});

test('egress/a client that does not trust the authority: refused', async () => {
  await using proxy = await start();
  await assert.rejects(TunnelClient.open(proxy.socketPath, at(), newAuthority().certificate));
  const event = await proxy.ledger.seen(({ action }) => action === 'net.closed');
  assert.equal(event.code, 'EGRESS_INTERCEPT_REFUSED');
});

test('egress/a server name that differs from the tunnel: refused', async () => {
  await using proxy = await start();
  await assert.rejects(open(proxy.socketPath, { servername: 'other.dev' }));
  await proxy.ledger.refusal('EGRESS_TLS_NAME_MISMATCH');
});

test('egress/a TLS session taken up again by another tunnel: refused', async () => {
  await using proxy = await start();
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await open(proxy.socketPath, { maxVersion });
    first.send(get('/v1/a'));
    await first.until((text) => text.endsWith('hello'));
    const session = first.session();
    first.close();
    const second = await open(proxy.socketPath, { maxVersion, session });
    second.send(get('/v1/b'));
    await second.until((text) => text.endsWith('hello'));
    assert.equal(second.socket.isSessionReused(), false, maxVersion);
    second.close();
  }
  assert.equal(upstream.resumed, 0);
});

test('egress/a run that was opened without interception: refused', async () => {
  await using proxy = await startRunProxy({
    rules: [rule(HOST, upstream.port, RULE)],
    resolver: new TableResolver({ [HOST]: [['127.0.0.1']] }),
  });
  await assert.rejects(open(proxy.socketPath));
  await proxy.ledger.refusal('EGRESS_INTERCEPT_UNAVAILABLE');
});

test('egress/a request that cannot be recorded: refused', async () => {
  await using proxy = await start();
  const client = await open(proxy.socketPath);
  proxy.ledger.failing = true;
  client.send(get('/v1/a'));
  const text = await client.until((seen) => /x-gatehouse-code/.test(seen));
  assert.equal(codeOf(text), 'EGRESS_RECORD_FAILED');
  assert.equal(upstream.seen.length, 0);
  client.close();
});

test("egress/a request that the install's own rules do not name: refused", async () => {
  await using proxy = await start({
    bounds: [rule(HOST, upstream.port, { methods: ['GET'], paths: ['/v1/public/**'] })],
  });
  const client = await open(proxy.socketPath);
  client.send(get('/v1/public/a'));
  await client.until((text) => text.endsWith('hello'));
  client.send(get('/v1/private'));
  const text = await client.until((seen) => /x-gatehouse-code/.test(seen));
  assert.equal(codeOf(text), 'EGRESS_REQUEST_NOT_ALLOWED');
  assert.equal(upstream.seen.length, 1);
  client.close();
});

test('the rules of this moment count for each request, and an opaque tunnel ends when requests are to be judged', async () => {
  await using proxy = await start({ rules: [rule(HOST, upstream.port, { networks: LOOPBACK })] });
  const { policyOf } = await import('../testing/parts.ts');
  const opaque = await TunnelClient.open(proxy.socketPath, at(), certificate.cert);
  opaque.send(get('/anything'));
  await opaque.until((text) => text.endsWith('hello'));
  proxy.setPolicy(policyOf([rule(HOST, upstream.port, RULE)]));
  proxy.gate.reconsider();
  await opaque.all();
  const client = await open(proxy.socketPath);
  client.send(get('/v1/a'));
  await client.until((text) => text.endsWith('hello'));
  proxy.setPolicy(policyOf([rule(HOST, upstream.port, { ...RULE, paths: ['/v2'] })]));
  proxy.gate.reconsider();
  client.send(get('/v1/a'));
  assert.equal(
    codeOf(await client.until((seen) => /x-gatehouse-code/.test(seen))),
    'EGRESS_REQUEST_NOT_ALLOWED',
  );
  client.close();
});

test('egress/methods and paths of a rule in plain HTTP: refused', async () => {
  await using proxy = await start({ rules: [rule(HOST, 8080, { ...RULE, protocol: 'http' })] });
  const answered = await rawRequest(
    proxy.socketPath,
    `GET http://${HOST}:8080/admin HTTP/1.1\r\nHost: ${HOST}:8080\r\nConnection: close\r\n\r\n`,
  );
  assert.equal(codeOf(answered), 'EGRESS_REQUEST_NOT_ALLOWED');
  const tunnel = new RawClient(proxy.socketPath);
  tunnel.send(`CONNECT ${HOST}:8080 HTTP/1.1\r\n\r\nDELETE /v1/a HTTP/1.1\r\nHost: ${HOST}:8080\r\n\r\n`);
  await tunnel.until((text) => text.includes('EGRESS_REQUEST_NOT_ALLOWED'));
  tunnel.close();
});
