import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { certificateFor } from './testing/certificates.ts';
import { clientHello, type HelloShape } from './testing/client-hellos.ts';
import { type ProxyOptions, policyOf, rule, startRunProxy, TableResolver } from './testing/parts.ts';
import { codeOf, countingServer, echo, httpEcho, RawClient, rawRequest } from './testing/sockets.ts';

const NAME = 'api.example.org';
const LOOPBACK = ['127.0.0.1/32'];
const RESOLVER = { resolver: new TableResolver({ [NAME]: [['127.0.0.1']] }) };

function listed(port: number, more: Parameters<typeof rule>[2] = {}): ProxyOptions {
  return { ...RESOLVER, rules: [rule(NAME, port, { networks: LOOPBACK, ...more })] };
}

async function openTunnel(
  socketPath: string,
  target: string,
  early: string | Uint8Array = '',
): Promise<RawClient> {
  const client = new RawClient(socketPath);
  const head = Buffer.from(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  client.send(Buffer.concat([head, typeof early === 'string' ? Buffer.from(early, 'latin1') : early]));
  await client.until((text) => text.includes('\r\n\r\n'));
  return client;
}

test('a TLS client reaches a listed host through its tunnel, and both directions are counted', async () => {
  const { key, cert } = certificateFor(NAME);
  const server = createTlsServer({ key, cert }, (socket) =>
    socket.on('data', (data) => socket.write(`got ${data}`)),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await using proxy = await startRunProxy(listed(port, { protocol: 'tls' }));
  const client = await openTunnel(proxy.socketPath, `${NAME}:${port}`);
  assert.match(client.text, /^HTTP\/1.1 200/);
  client.socket.removeAllListeners('data');
  const secure = tlsConnect({ socket: client.socket, servername: NAME, ca: cert });
  secure.write('hello');
  const [answer] = await once(secure, 'data');
  assert.equal(String(answer), 'got hello');
  secure.destroy();
  const closed = await proxy.ledger.seen((event) => event.action === 'net.closed');
  assert.equal(closed.data?.['address'], '127.0.0.1');
  assert.ok(Number(closed.data?.['sent']) > 100 && Number(closed.data?.['received']) > 100);
  server.close();
});

test('a ClientHello sent together with CONNECT, and one in many pieces, pass as one sent alone', async () => {
  await using server = await countingServer(echo);
  await using proxy = await startRunProxy(listed(server.port));
  const hello = clientHello({ names: [NAME], fragments: [1, 2, 3, 40, 1] });
  const early = await openTunnel(proxy.socketPath, `${NAME}:${server.port}`, hello);
  await early.until((text) => text.endsWith(hello.toString('latin1')));
  early.close();
  const slow = await openTunnel(proxy.socketPath, `${NAME}:${server.port}`);
  slow.socket.setNoDelay(true);
  for (const byte of hello) slow.send(Buffer.from([byte]));
  await slow.until((text) => text.endsWith(hello.toString('latin1')));
  slow.close();
  assert.equal(server.connections, 2);
});

test('a tunnel under `protocol: tcp` carries anything, also when the host speaks first', async () => {
  await using server = await countingServer((socket) => socket.write('SSH-2.0-test\r\n'));
  await using proxy = await startRunProxy(listed(server.port, { protocol: 'tcp' }));
  const client = await openTunnel(proxy.socketPath, `${NAME}:${server.port}`);
  await client.until((text) => text.includes('SSH-2.0-test'));
  client.close();
});

test('a tunnel with plain HTTP is read request by request', async () => {
  const seen: string[] = [];
  await using server = await countingServer(httpEcho(seen));
  await using proxy = await startRunProxy(listed(server.port));
  const head = `GET /x HTTP/1.1\r\nHost: ${NAME}:${server.port}\r\n\r\n`;
  const client = await openTunnel(proxy.socketPath, `${NAME}:${server.port}`, head);
  await client.until((text) => text.endsWith('hello'));
  client.send(head.replace('/x', '/y'));
  await client.until((text) => text.split('hello').length === 3);
  client.close();
  assert.deepEqual(
    seen.map((text) => text.split(' ')[1]),
    ['/x', '/y'],
  );
});

test('CONNECT as HTTP/1.0 without a Host header works, as old libraries send it', async () => {
  await using server = await countingServer(echo);
  await using proxy = await startRunProxy(listed(server.port, { protocol: 'tcp' }));
  const client = new RawClient(proxy.socketPath);
  client.send(`CONNECT ${NAME}:${server.port} HTTP/1.0\r\n\r\n`);
  await client.until((text) => text.includes('200 Connection Established'));
  client.send('ping');
  await client.until((text) => text.endsWith('ping'));
  client.close();
});

const REFUSED_HELLOS: readonly (readonly [title: string, code: string, bytes: HelloShape | string])[] = [
  ['another server name than the tunnel', 'EGRESS_TLS_NAME_MISMATCH', { names: ['evil.example.org'] }],
  ['a subdomain as server name', 'EGRESS_TLS_NAME_MISMATCH', { names: [`x.${NAME}`] }],
  ['no server name', 'EGRESS_TLS_NAME_MISMATCH', {}],
  [
    'another server name in fragments',
    'EGRESS_TLS_NAME_MISMATCH',
    { names: ['evil.example.org'], fragments: [1, 1, 50, 2] },
  ],
  ['two server names', 'EGRESS_TLS_MALFORMED', { names: [NAME, 'evil.example.org'] }],
  ['the server name twice', 'EGRESS_TLS_MALFORMED', { names: [NAME], repeatExtension: true }],
  ['a server name with NUL', 'EGRESS_TLS_MALFORMED', { names: [`${NAME}\0.evil.example.org`] }],
  [
    'a second message behind the hello',
    'EGRESS_TLS_MALFORMED',
    { names: [NAME], trailing: Buffer.from([1, 0, 0, 0]) },
  ],
  ['encrypted client hello', 'EGRESS_TLS_NAME_HIDDEN', { names: [NAME], encrypted: true }],
  ['SSH instead of TLS', 'EGRESS_NOT_TLS', 'SSH-2.0-evil\r\n'],
  ['plain HTTP instead of TLS', 'EGRESS_NOT_TLS', `GET / HTTP/1.1\r\nHost: ${NAME}\r\n\r\n`],
  ['an SSLv2 hello', 'EGRESS_NOT_TLS', '\x80\x2e\x01\x03\x01'],
  ['SOCKS inside the tunnel', 'EGRESS_NOT_TLS', '\x05\x01\x00'],
  ['a tunnel that ends before it says anything', 'EGRESS_NOT_TLS', ''],
];

test('tunnels', async (t) => {
  await using server = await countingServer(echo);
  for (const [title, code, bytes] of REFUSED_HELLOS) {
    await t.test(`egress/${title}: refused`, async () => {
      await using proxy = await startRunProxy(listed(server.port, { protocol: 'tls' }));
      const client = await openTunnel(proxy.socketPath, `${NAME}:${server.port}`);
      client.socket.end(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : clientHello(bytes));
      await client.all();
      const event = await proxy.ledger.refusal(code);
      assert.equal(event.outcome, 'deny');
      assert.equal(event.rule, `playbook:test/${NAME}:${server.port}`);
      assert.equal(server.connections, 0);
    });
  }
});

test('egress/a second ClientHello with another name after HelloRetryRequest: refused', async () => {
  const received: Buffer[] = [];
  await using server = await countingServer((socket) => socket.on('data', (data) => received.push(data)));
  await using proxy = await startRunProxy(listed(server.port));
  const first = clientHello({ names: [NAME] });
  const client = await openTunnel(proxy.socketPath, `${NAME}:${server.port}`, first);
  const changeCipherSpec = Buffer.from([20, 3, 3, 0, 1, 1]);
  client.send(
    Buffer.concat([changeCipherSpec, clientHello({ names: ['evil.example.org'], fragments: [7] })]),
  );
  await client.all();
  const closed = await proxy.ledger.seen((event) => event.action === 'net.closed');
  assert.equal(closed.code, 'EGRESS_TLS_NAME_MISMATCH');
  assert.ok(!Buffer.concat(received).includes('evil'));
});

test('a literal address has no server name, and one that is sent is refused', async () => {
  await using server = await countingServer(echo);
  const rules = [rule('127.0.0.1', server.port, { protocol: 'tls' as const })];
  await using proxy = await startRunProxy({ rules });
  const plain = await openTunnel(proxy.socketPath, `127.0.0.1:${server.port}`, clientHello({}));
  await plain.until((text) => text.includes('\x16\x03\x01'));
  plain.close();
  const named = await openTunnel(
    proxy.socketPath,
    `127.0.0.1:${server.port}`,
    clientHello({ names: [NAME] }),
  );
  await named.all();
  await proxy.ledger.refusal('EGRESS_TLS_NAME_MISMATCH');
  assert.equal(server.connections, 1);
});

const INNER: readonly (readonly [title: string, code: string, request: string])[] = [
  [
    'another Host inside a tunnel',
    'EGRESS_HOST_MISMATCH',
    'GET / HTTP/1.1\r\nHost: evil.example.org\r\n\r\n',
  ],
  [
    'absolute form inside a tunnel',
    'EGRESS_URL_INVALID',
    'GET http://evil.example.org/ HTTP/1.1\r\nHost: P\r\n\r\n',
  ],
  [
    'CONNECT inside a tunnel',
    'EGRESS_METHOD_REFUSED',
    'CONNECT evil.example.org:443 HTTP/1.1\r\nHost: P\r\n\r\n',
  ],
  [
    'an upgrade inside a tunnel',
    'EGRESS_UPGRADE_REFUSED',
    'GET / HTTP/1.1\r\nHost: P\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  ],
  ['HTTP/2 inside a tunnel', 'EGRESS_REQUEST_MALFORMED', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
];

test('plain tunnels', async (t) => {
  await using server = await countingServer(echo);
  for (const [title, code, request] of INNER) {
    await t.test(`egress/${title}: refused`, async () => {
      await using proxy = await startRunProxy(listed(server.port));
      const target = `${NAME}:${server.port}`;
      const client = await openTunnel(
        proxy.socketPath,
        target,
        request.replace('Host: P', `Host: ${target}`),
      );
      const answer = await client.all();
      assert.equal(codeOf(answer), code);
      await proxy.ledger.refusal(code);
      assert.equal(server.connections, 0);
    });
  }
});

const HEADS: readonly (readonly [title: string, code: string, head: string])[] = [
  [
    'a Host header that differs from CONNECT',
    'EGRESS_HOST_MISMATCH',
    'CONNECT <T> HTTP/1.1\r\nHost: evil.example.org:443\r\n\r\n',
  ],
  [
    'two Host headers in CONNECT',
    'EGRESS_REQUEST_MALFORMED',
    'CONNECT <T> HTTP/1.1\r\nHost: <T>\r\nHost: <T>\r\n\r\n',
  ],
  [
    'a body in CONNECT',
    'EGRESS_REQUEST_MALFORMED',
    'CONNECT <T> HTTP/1.1\r\nHost: <T>\r\nContent-Length: 5\r\n\r\nhello',
  ],
  [
    'a chunked CONNECT',
    'EGRESS_REQUEST_MALFORMED',
    'CONNECT <T> HTTP/1.1\r\nHost: <T>\r\nTransfer-Encoding: chunked\r\n\r\n',
  ],
  ['a CONNECT without a port', 'EGRESS_PORT_INVALID', `CONNECT ${NAME} HTTP/1.1\r\n\r\n`],
  ['a CONNECT to port 0', 'EGRESS_PORT_INVALID', `CONNECT ${NAME}:0 HTTP/1.1\r\n\r\n`],
  ['a CONNECT to an overflowing port', 'EGRESS_PORT_INVALID', `CONNECT ${NAME}:65979 HTTP/1.1\r\n\r\n`],
  ['a CONNECT to another port', 'EGRESS_HOST_NOT_ALLOWED', `CONNECT ${NAME}:22 HTTP/1.1\r\n\r\n`],
  [
    'a CONNECT to a host without a rule',
    'EGRESS_HOST_NOT_ALLOWED',
    'CONNECT evil.example.org:443 HTTP/1.1\r\n\r\n',
  ],
  [
    'a CONNECT to the metadata address',
    'EGRESS_HOST_NOT_ALLOWED',
    'CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n',
  ],
];

test('CONNECT heads', async (t) => {
  await using server = await countingServer(echo);
  for (const [title, code, head] of HEADS) {
    await t.test(`egress/${title}: refused`, async () => {
      const options = listed(server.port);
      await using proxy = await startRunProxy(options);
      const asked = RESOLVER.resolver.asked.length;
      const answer = await rawRequest(proxy.socketPath, head.replaceAll('<T>', `${NAME}:${server.port}`));
      assert.equal(codeOf(answer), code);
      const body = JSON.parse(answer.slice(answer.indexOf('{'))) as Record<string, string>;
      assert.equal(body['code'], code);
      assert.ok(
        (body['fix'] ?? '').length > 0 &&
          (body['message'] ?? '').length > 0 &&
          (body['rule'] ?? '').length > 0,
      );
      const event = await proxy.ledger.refusal(code);
      assert.equal(event.subject?.agent, 'main');
      assert.equal(server.connections, 0);
      assert.equal(RESOLVER.resolver.asked.length, asked);
    });
  }
});

test('a reload that takes the rule away ends its open tunnels', async () => {
  let ended = 0;
  await using server = await countingServer((socket: Socket) => {
    socket.on('close', () => (ended += 1));
    socket.write('hi');
  });
  await using proxy = await startRunProxy(listed(server.port, { protocol: 'tcp' }));
  const client = await openTunnel(proxy.socketPath, `${NAME}:${server.port}`);
  await client.until((text) => text.endsWith('hi'));
  proxy.gate.reconsider();
  assert.equal(client.socket.closed, false);
  proxy.setPolicy(policyOf([rule('other.example.org', 443)]));
  proxy.gate.reconsider();
  await client.all();
  const closed = await proxy.ledger.seen((event) => event.action === 'net.closed');
  assert.equal(closed.code, 'EGRESS_RULE_ENDED');
  assert.equal(proxy.gate.connections, 0);
  assert.ok(ended <= 1);
});

test('a tunnel ends when its rule expires', async () => {
  await using server = await countingServer((socket) => socket.write('hi'));
  // Long enough for the tunnel to open on a busy machine.
  const expires = Date.now() + 2_000;
  await using proxy = await startRunProxy(listed(server.port, { protocol: 'tcp', expires }));
  const client = await openTunnel(proxy.socketPath, `${NAME}:${server.port}`);
  await client.until((text) => text.endsWith('hi'));
  await client.all();
  const closed = await proxy.ledger.seen((event) => event.action === 'net.closed');
  assert.equal(closed.code, 'EGRESS_RULE_ENDED');
  assert.ok(Date.now() >= expires);
});

test('closing a run ends its tunnels and removes its socket', async () => {
  await using server = await countingServer((socket) => socket.write('hi'));
  await using proxy = await startRunProxy(listed(server.port, { protocol: 'tcp' }));
  const client = await openTunnel(proxy.socketPath, `${NAME}:${server.port}`);
  await client.until((text) => text.endsWith('hi'));
  await proxy.proxy.close();
  await client.all();
  const late = new RawClient(proxy.socketPath);
  await late.all();
  assert.equal(late.text, '');
});
