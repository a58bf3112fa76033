import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rule, startRunProxy, TableResolver } from './testing/parts.ts';
import { codeOf, countingServer, httpEcho, RawClient, rawRequest } from './testing/sockets.ts';

const LOOPBACK = ['127.0.0.1/32'];

test('a plain request to a listed host arrives, in origin form, with the proxy headers gone', async () => {
  const seen: string[] = [];
  await using server = await countingServer(httpEcho(seen));
  await using proxy = await startRunProxy({
    rules: [rule('api.example.org', server.port, { networks: LOOPBACK })],
    resolver: new TableResolver({ 'api.example.org': [['127.0.0.1']] }),
  });
  const answer = await rawRequest(
    proxy.socketPath,
    `GET http://API.example.org:${server.port}/a%2Fb?q=1 HTTP/1.1\r\nHost: api.example.org:${server.port}\r\n` +
      'Proxy-Authorization: Basic eDp5\r\nX-Forwarded-For: 1.2.3.4\r\nX-Gatehouse-Run: other\r\nAccept: */*\r\nConnection: close\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1.1 200/);
  assert.match(answer, /hello$/);
  assert.equal(seen.length, 1);
  assert.match(seen[0] ?? '', /^GET \/a%2Fb\?q=1 HTTP\/1.1\r\n/);
  assert.doesNotMatch(seen[0] ?? '', /proxy-|forwarded|gatehouse/i);
  const allowed = await proxy.ledger.seen((event) => event.outcome === 'allow');
  assert.equal(allowed.type, 'egress');
  assert.equal(allowed.rule, `playbook:test/api.example.org:${server.port}`);
  assert.equal(allowed.subject?.run, 'run-1');
  assert.deepEqual(allowed.data?.['addresses'], ['127.0.0.1']);
  const closed = await proxy.ledger.seen((event) => event.action === 'net.closed');
  assert.equal(closed.outcome, 'success');
  assert.ok(Number(closed.data?.['received']) > 0);
});

test('a chunked body is framed anew: extensions and trailers do not reach the host', async () => {
  const seen: string[] = [];
  await using server = await countingServer(httpEcho(seen));
  await using proxy = await startRunProxy({ rules: [rule('127.0.0.1', server.port)] });
  const answer = await rawRequest(
    proxy.socketPath,
    `POST http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n` +
      '3;evil=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1.1 200/);
  assert.doesNotMatch(seen[0] ?? '', /evil|X-Trailer/);
  assert.match(seen[0] ?? '', /abc/);
});

test('pipelined requests to different hosts are decided one by one', async () => {
  const seen: string[] = [];
  await using server = await countingServer(httpEcho(seen));
  await using proxy = await startRunProxy({ rules: [rule('127.0.0.1', server.port)] });
  const client = new RawClient(proxy.socketPath);
  client.send(
    `GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n` +
      'GET http://other.example.org/ HTTP/1.1\r\nHost: other.example.org\r\n\r\n',
  );
  const answer = await client.until((text) => text.includes('EGRESS_HOST_NOT_ALLOWED'));
  client.close();
  assert.match(answer, /^HTTP\/1.1 200/);
  assert.equal(server.connections, 1);
});

test('a redirect goes back to the run, whose next request is decided anew', async () => {
  await using server = await countingServer((socket) => {
    socket.once('data', () =>
      socket.end(
        'HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n',
      ),
    );
  });
  await using proxy = await startRunProxy({
    rules: [rule('127.0.0.1', server.port), rule('169.254.169.254', 81)],
  });
  const base = `GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`;
  assert.match(await rawRequest(proxy.socketPath, base), /^HTTP\/1.1 302/);
  const next =
    'GET http://169.254.169.254/latest HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n';
  assert.equal(codeOf(await rawRequest(proxy.socketPath, next)), 'EGRESS_HOST_NOT_ALLOWED');
});

const NAME = 'api.example.org';
const target = (port: number): string => `http://${NAME}:${port}/`;

/** Each attempt against a host that has a rule; `P` stands for its port. */
const ATTEMPTS: readonly (readonly [title: string, code: string, request: string])[] = [
  [
    'a Host header of another host',
    'EGRESS_HOST_MISMATCH',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost: evil.example.org\r\n\r\n',
  ],
  [
    'a Host header of another port',
    'EGRESS_HOST_MISMATCH',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:1\r\n\r\n',
  ],
  ['no Host header', 'EGRESS_HOST_MISMATCH', 'GET http://api.example.org:P/ HTTP/1.1\r\nAccept: */*\r\n\r\n'],
  [
    'two Host headers',
    'EGRESS_REQUEST_MALFORMED',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nHost: api.example.org:P\r\n\r\n',
  ],
  [
    'Content-Length beside Transfer-Encoding',
    'EGRESS_REQUEST_MALFORMED',
    'POST http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'Transfer-Encoding before Content-Length',
    'EGRESS_REQUEST_MALFORMED',
    'POST http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n',
  ],
  [
    'two Content-Lengths',
    'EGRESS_REQUEST_MALFORMED',
    'POST http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
  ],
  [
    'a signed Content-Length',
    'EGRESS_REQUEST_MALFORMED',
    'POST http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nContent-Length: +3\r\n\r\nabc',
  ],
  [
    'an unknown transfer coding',
    'EGRESS_REQUEST_MALFORMED',
    'POST http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'a folded header line',
    'EGRESS_REQUEST_MALFORMED',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nX-A: 1\r\n evil: 2\r\n\r\n',
  ],
  [
    'bare LF line ends',
    'EGRESS_REQUEST_MALFORMED',
    'GET http://api.example.org:P/ HTTP/1.1\nHost: api.example.org:P\n\n',
  ],
  [
    'NUL in a header',
    'EGRESS_REQUEST_MALFORMED',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nX-A: a\0b\r\n\r\n',
  ],
  [
    'a space before the colon',
    'EGRESS_REQUEST_MALFORMED',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost : api.example.org:P\r\n\r\n',
  ],
  [
    'a header named in Connection',
    'EGRESS_HEADER_REFUSED',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nConnection: close, X-Auth\r\nX-Auth: 1\r\n\r\n',
  ],
  [
    'a method override',
    'EGRESS_HEADER_REFUSED',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nX-HTTP-Method-Override: DELETE\r\n\r\n',
  ],
  [
    'an h2c upgrade',
    'EGRESS_UPGRADE_REFUSED',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nConnection: close\r\nUpgrade: h2c\r\n\r\n',
  ],
  [
    'an h2c upgrade named in Connection',
    'EGRESS_UPGRADE_REFUSED',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: AAAA\r\n\r\n',
  ],
  [
    'a WebSocket upgrade',
    'EGRESS_UPGRADE_REFUSED',
    'GET http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  ],
  ['HTTP/2 prior knowledge', 'EGRESS_REQUEST_MALFORMED', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  [
    'TRACE',
    'EGRESS_METHOD_REFUSED',
    'TRACE http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\n\r\n',
  ],
  ['an origin-form target', 'EGRESS_URL_INVALID', 'GET / HTTP/1.1\r\nHost: api.example.org:P\r\n\r\n'],
  [
    'user information before the host',
    'EGRESS_HOST_INVALID',
    'GET http://api.example.org@evil.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\n\r\n',
  ],
  [
    'a backslash in the target',
    'EGRESS_REQUEST_MALFORMED',
    'GET http://api.example.org:P\\@evil.example.org/ HTTP/1.1\r\nHost: api.example.org:P\r\n\r\n',
  ],
  [
    'a percent-encoded host',
    'EGRESS_HOST_INVALID',
    'GET http://api%2Eexample.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\n\r\n',
  ],
  [
    'https in absolute form',
    'EGRESS_SCHEME_REFUSED',
    'GET https://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\n\r\n',
  ],
  [
    'another scheme',
    'EGRESS_URL_INVALID',
    'GET ftp://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\n\r\n',
  ],
  ['a SOCKS5 greeting', 'EGRESS_REQUEST_MALFORMED', '\x05\x01\x00'],
  ['a SOCKS4 request', 'EGRESS_REQUEST_MALFORMED', '\x04\x01\x00\x50\x7f\x00\x00\x01\x00'],
  [
    'a head beyond its limit',
    'EGRESS_REQUEST_MALFORMED',
    `GET http://api.example.org:P/ HTTP/1.1\r\nHost: api.example.org:P\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
  ],
];

test('smuggling', async (t) => {
  const seen: string[] = [];
  await using server = await countingServer(httpEcho(seen));
  for (const [title, code, request] of ATTEMPTS) {
    await t.test(`egress/${title}: refused`, async () => {
      await using proxy = await startRunProxy({
        rules: [rule(NAME, server.port, { networks: LOOPBACK })],
        resolver: new TableResolver({ [NAME]: [['127.0.0.1']] }),
      });
      const answer = await rawRequest(proxy.socketPath, request.replaceAll(':P', `:${server.port}`));
      assert.equal(codeOf(answer), code);
      const event = await proxy.ledger.refusal(code);
      assert.equal(event.outcome, 'deny');
      assert.equal(event.subject?.run, 'run-1');
      assert.equal(server.connections, 0, target(server.port));
    });
  }
});

test('egress/an answer that switches protocols unasked: refused', async () => {
  await using server = await countingServer((socket) => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nraw'),
    );
  });
  await using proxy = await startRunProxy({ rules: [rule('127.0.0.1', server.port)] });
  const answer = await rawRequest(
    proxy.socketPath,
    `GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`,
  );
  assert.equal(codeOf(answer), 'EGRESS_UPSTREAM_PROTOCOL');
  const closed = await proxy.ledger.seen((event) => event.action === 'net.closed');
  assert.equal(closed.code, 'EGRESS_UPSTREAM_PROTOCOL');
});
