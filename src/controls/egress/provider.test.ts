import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SecretStore } from '../secrets/index.ts';
import { DEFAULT_EGRESS_LIMITS, type EgressRuleSpec, Gate, ProviderProxy } from './index.ts';
import { certificateFor } from './testing/certificates.ts';
import {
  KeptAlerts,
  MemoryLedger,
  NO_TRIPWIRE,
  policyOf,
  rule,
  TableResolver,
  TestClock,
} from './testing/parts.ts';
import { codeOf, countingServer, RawClient, rawRequest } from './testing/sockets.ts';

const NAME = 'api.example.org';
const VALUE = 'sk-very-secret-value';
const KEY = '{{secret:models.providers.x.apiKey}}';

interface Upstream extends AsyncDisposable {
  readonly port: number;
  readonly seen: IncomingMessage[];
  readonly cert: string;
  readonly connections: () => number;
}

async function upstream(listener: RequestListener, tls?: readonly string[]): Promise<Upstream> {
  const seen: IncomingMessage[] = [];
  const certificate = tls === undefined ? { key: '', cert: '' } : certificateFor(...tls);
  const onRequest: RequestListener = (request, response) => {
    seen.push(request);
    listener(request, response);
  };
  const server = tls === undefined ? createHttpServer(onRequest) : createTlsServer(certificate, onRequest);
  let connections = 0;
  server.on('connection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    cert: certificate.cert,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface StartOptions {
  readonly rules: readonly EgressRuleSpec[];
  readonly boundTo: { readonly host: string; readonly port: number };
  readonly ca?: string;
  readonly resolver?: TableResolver;
}

async function startProvider({ rules, boundTo, ca, resolver }: StartOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'gh-provider-'));
  const ledger = new MemoryLedger();
  const secrets = new SecretStore();
  const reference = {
    name: 'models.providers.x.apiKey',
    source: 'env',
    id: 'KEY',
    header: 'x-api-key: {}',
    ...boundTo,
  } as const;
  await secrets.load([reference], { env: { KEY: VALUE } });
  const policy = policyOf(rules);
  const gate = new Gate({
    ledger,
    alerts: new KeptAlerts(),
    tripwire: NO_TRIPWIRE,
    clock: new TestClock(),
    resolver: resolver ?? new TableResolver({ [NAME]: [['127.0.0.1']] }),
    limits: () => DEFAULT_EGRESS_LIMITS,
    isSelf: () => false,
  });
  const proxy = new ProviderProxy({
    gate,
    policyOf: () => policy,
    secrets,
    ...(ca === undefined ? {} : { ca }),
  });
  const socketPath = join(folder, 'provider.sock');
  await proxy.listen(socketPath);
  return {
    socketPath,
    ledger,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function plain(port: number): EgressRuleSpec {
  return rule('127.0.0.1', port, { id: 'provider:x', class: 'model', protocol: 'http' });
}

function post(url: string, headers: readonly string[] = [], body = '{}'): string {
  const host = /\/\/([^/]+)/.exec(url)?.[1];
  const lines = [
    `POST ${url} HTTP/1.1`,
    `Host: ${host}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

test('a provider call gets its secret, streams back, and is attributed to who the gateway says', async () => {
  await using server = await upstream((_request, response) => response.end('{"ok":true}'));
  await using egress = await startProvider({
    rules: [plain(server.port)],
    boundTo: { host: '127.0.0.1', port: server.port },
  });
  const headers = [
    `X-Api-Key: ${KEY}`,
    'X-Gatehouse-Run: r1',
    'X-Gatehouse-Agent: main',
    'X-Gatehouse-Session: s1',
    'Accept-Encoding: gzip',
  ];
  const answer = await rawRequest(
    egress.socketPath,
    post(`http://127.0.0.1:${server.port}/v1/chat`, headers),
  );
  assert.match(answer, /^HTTP\/1.1 200[^]*\{"ok":true\}$/);
  const [seen] = server.seen;
  assert.equal(seen?.headers['x-api-key'], VALUE);
  assert.equal(seen?.headers['accept-encoding'], 'identity');
  assert.equal(seen?.headers['x-gatehouse-run'], undefined);
  assert.equal(seen?.url, '/v1/chat');
  const allowed = await egress.ledger.seen((event) => event.outcome === 'allow');
  assert.equal(allowed.rule, 'playbook:test/provider:x');
  assert.deepEqual(allowed.subject, { principal: 'gateway', agent: 'main', session: 's1', run: 'r1' });
  assert.deepEqual(allowed.data?.['secrets'], ['models.providers.x.apiKey']);
  const closed = await egress.ledger.seen((event) => event.action === 'net.closed');
  assert.equal(closed.outcome, 'success');
  assert.ok(!JSON.stringify(egress.ledger.events).includes(VALUE));
});

test('over TLS the certificate is checked against the name, and the name is dialled where it was resolved', async () => {
  await using server = await upstream((_request, response) => response.end('hi'), [NAME]);
  const rules = [rule(NAME, server.port, { id: 'provider:x', class: 'model', networks: ['127.0.0.1/32'] })];
  await using egress = await startProvider({
    rules,
    boundTo: { host: NAME, port: server.port },
    ca: server.cert,
  });
  const answer = await rawRequest(
    egress.socketPath,
    post(`https://${NAME}:${server.port}/v1`, [`x-api-key: ${KEY}`]),
  );
  assert.match(answer, /^HTTP\/1.1 200[^]*hi$/);
  assert.equal(server.seen[0]?.headers['x-api-key'], VALUE);
});

test('egress/a provider whose certificate is not for its name, or not trusted: refused', async () => {
  await using other = await upstream((_request, response) => response.end('hi'), ['other.example.org']);
  const rules = [rule(NAME, other.port, { id: 'provider:x', networks: ['127.0.0.1/32'] })];
  const boundTo = { host: NAME, port: other.port };
  const request = post(`https://${NAME}:${other.port}/v1`, [`x-api-key: ${KEY}`]);
  await using trusted = await startProvider({ rules, boundTo, ca: other.cert });
  assert.equal(codeOf(await rawRequest(trusted.socketPath, request)), 'EGRESS_UPSTREAM_TLS');
  await using untrusted = await startProvider({ rules, boundTo });
  assert.equal(codeOf(await rawRequest(untrusted.socketPath, request)), 'EGRESS_UPSTREAM_TLS');
  await untrusted.ledger.refusal('EGRESS_UPSTREAM_TLS');
  assert.equal(other.seen.length, 0);
});

test('connections are kept for the next call to the same provider', async () => {
  await using server = await upstream((request, response) => {
    request.resume();
    response.end('x');
  });
  await using egress = await startProvider({
    rules: [plain(server.port)],
    boundTo: { host: '127.0.0.1', port: server.port },
  });
  for (let i = 0; i < 3; i += 1)
    await rawRequest(egress.socketPath, post(`http://127.0.0.1:${server.port}/`));
  assert.equal(server.seen.length, 3);
  assert.equal(server.connections(), 1);
});

test('an event stream arrives piece by piece, with its head before its first byte', async () => {
  let next: (text: string) => void = () => undefined;
  await using server = await upstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    next = (text) => (text === '' ? response.end() : response.write(text));
  });
  await using egress = await startProvider({
    rules: [plain(server.port)],
    boundTo: { host: '127.0.0.1', port: server.port },
  });
  const client = new RawClient(egress.socketPath);
  client.send(post(`http://127.0.0.1:${server.port}/v1/chat`));
  await client.until((text) => text.includes('text/event-stream'));
  next('data: 1\n\n');
  await client.until((text) => text.includes('data: 1\n\n'));
  next('data: 2\n\n');
  await client.until((text) => text.includes('data: 2\n\n'));
  next('');
  await client.all();
});

test('a secret that a provider reflects is masked in headers and body, also across chunks', async () => {
  await using server = await upstream((_request, response) => {
    response.writeHead(200, { 'x-echo': `key ${VALUE}`, 'x-gatehouse-code': 'FORGED' });
    response.write(`a ${VALUE.slice(0, 9)}`);
    setImmediate(() => response.end(`${VALUE.slice(9)} b ${Buffer.from(`u:${VALUE}`).toString('base64')}`));
  });
  await using egress = await startProvider({
    rules: [plain(server.port)],
    boundTo: { host: '127.0.0.1', port: server.port },
  });
  const answer = await rawRequest(
    egress.socketPath,
    post(`http://127.0.0.1:${server.port}/`, [`x-api-key: ${KEY}`]),
  );
  assert.ok(!answer.includes(VALUE) && !answer.includes('FORGED'));
  assert.match(answer, /x-echo: key \[secret removed\]/);
  assert.ok(answer.includes('*'.repeat(VALUE.length)));
  assert.ok(!answer.includes(Buffer.from(VALUE).toString('base64').slice(4, 20)));
});

const REFUSED: readonly (readonly [title: string, code: string, request: (port: number) => string])[] = [
  [
    'a secret for another host',
    'SECRET_WRONG_HOST',
    (port) => post(`http://127.0.0.1:${port}/`, ['x-api-key: {{secret:models.providers.other.apiKey}}']),
  ],
  [
    'an unknown secret',
    'SECRET_UNKNOWN',
    (port) => post(`http://127.0.0.1:${port}/`, ['x-api-key: {{secret:nothing}}']),
  ],
  [
    'a host that no provider has',
    'EGRESS_HOST_NOT_ALLOWED',
    () => post('http://evil.example.org/', [`x-api-key: ${KEY}`]),
  ],
  [
    'another port of the provider',
    'EGRESS_HOST_NOT_ALLOWED',
    () => post('http://127.0.0.1:1/', [`x-api-key: ${KEY}`]),
  ],
  ['TLS to a provider without it', 'EGRESS_SCHEME_REFUSED', (port) => post(`https://127.0.0.1:${port}/`)],
  [
    'a Host header of another host',
    'EGRESS_HOST_MISMATCH',
    (port) => post(`http://127.0.0.1:${port}/`).replace('Host: 127', 'Host: 128'),
  ],
  [
    'an origin-form call',
    'EGRESS_URL_INVALID',
    () => 'POST /v1 HTTP/1.1\r\nHost: x.org\r\nConnection: close\r\n\r\n',
  ],
  [
    'an identity with spaces',
    'EGRESS_RUN_INVALID',
    (port) => post(`http://127.0.0.1:${port}/`, ['x-gatehouse-run: a b']),
  ],
  [
    'an upgrade',
    'EGRESS_UPGRADE_REFUSED',
    (port) => post(`http://127.0.0.1:${port}/`, ['Upgrade: websocket']),
  ],
];

test('provider calls', async (t) => {
  for (const [title, code, request] of REFUSED) {
    await t.test(`egress/${title}: refused`, async () => {
      await using server = await upstream((_request, response) => response.end('x'));
      await using egress = await startProvider({
        rules: [plain(server.port)],
        boundTo: { host: title === 'a secret for another host' ? NAME : '127.0.0.1', port: server.port },
      });
      const text = request(server.port).replace('providers.other', 'providers.x');
      assert.equal(codeOf(await rawRequest(egress.socketPath, text)), code);
      const event = await egress.ledger.seen((one) => one.code === code);
      assert.equal(event.outcome, 'deny');
      assert.equal(server.seen.length, 0);
    });
  }
});

test('egress/a provider reached over TLS asked in the clear: refused', async () => {
  await using server = await countingServer();
  const rules = [rule('127.0.0.1', server.port, { id: 'provider:x' })];
  await using egress = await startProvider({ rules, boundTo: { host: '127.0.0.1', port: server.port } });
  const answer = await rawRequest(
    egress.socketPath,
    post(`http://127.0.0.1:${server.port}/`, [`x-api-key: ${KEY}`]),
  );
  assert.equal(codeOf(answer), 'EGRESS_SCHEME_REFUSED');
  assert.equal(server.connections, 0);
});

test('egress/a provider name that moves into private space: refused', async () => {
  await using server = await countingServer();
  const rules = [rule(NAME, server.port, { id: 'provider:x', protocol: 'http' })];
  await using egress = await startProvider({ rules, boundTo: { host: NAME, port: server.port } });
  const answer = await rawRequest(
    egress.socketPath,
    post(`http://${NAME}:${server.port}/`, [`x-api-key: ${KEY}`]),
  );
  assert.equal(codeOf(answer), 'EGRESS_ADDRESS_NOT_PUBLIC');
  await egress.ledger.refusal('EGRESS_ADDRESS_NOT_PUBLIC');
  assert.equal(server.connections, 0);
});

test('egress/a compressed answer to a call with a secret: refused', async () => {
  await using server = await upstream((_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end('x');
  });
  await using egress = await startProvider({
    rules: [plain(server.port)],
    boundTo: { host: '127.0.0.1', port: server.port },
  });
  const answer = await rawRequest(
    egress.socketPath,
    post(`http://127.0.0.1:${server.port}/`, [`x-api-key: ${KEY}`]),
  );
  assert.equal(codeOf(answer), 'EGRESS_UPSTREAM_ENCODED');
});

test('egress/an answer before its record is on disk: withheld', async () => {
  await using server = await upstream((_request, response) => response.end('secret answer'));
  await using egress = await startProvider({
    rules: [plain(server.port)],
    boundTo: { host: '127.0.0.1', port: server.port },
  });
  egress.ledger.failing = true;
  const answer = await rawRequest(egress.socketPath, post(`http://127.0.0.1:${server.port}/`));
  assert.equal(codeOf(answer), 'EGRESS_RECORD_FAILED');
  assert.ok(!answer.includes('secret answer'));
});

test('a provider that cannot be reached, resets, or speaks something else has its own code', async () => {
  await using silent = await countingServer((socket) => socket.once('data', () => socket.destroy()));
  await using garbage = await countingServer((socket) =>
    socket.once('data', () => socket.end('nonsense\r\n\r\n')),
  );
  const ports: readonly (readonly [number, string])[] = [
    [9, 'EGRESS_CONNECT_FAILED'],
    [silent.port, 'EGRESS_UPSTREAM_RESET'],
    [garbage.port, 'EGRESS_UPSTREAM_PROTOCOL'],
  ];
  for (const [port, code] of ports) {
    await using egress = await startProvider({ rules: [plain(port)], boundTo: { host: '127.0.0.1', port } });
    assert.equal(codeOf(await rawRequest(egress.socketPath, post(`http://127.0.0.1:${port}/`))), code);
  }
});

test('a caller that goes away ends the call at the provider', async () => {
  let gone: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (gone = resolve));
  await using server = await upstream((_request, response) => {
    response.flushHeaders();
    response.on('close', gone);
  });
  await using egress = await startProvider({
    rules: [plain(server.port)],
    boundTo: { host: '127.0.0.1', port: server.port },
  });
  const client = new RawClient(egress.socketPath);
  client.send(post(`http://127.0.0.1:${server.port}/`));
  await client.until((text) => text.includes('200'));
  client.close();
  await ended;
});

test('secrets/a gateway that was taken over asks for another path, method, header or more of a key: refused', async () => {
  await using server = await upstream((_request, response) => response.end('{"ok":true}'));
  await using egress = await startProvider({
    rules: [{ ...plain(server.port), methods: ['POST'], paths: ['/v1/chat/completions'] }],
    boundTo: { host: '127.0.0.1', port: server.port },
  });
  const at = (path: string) => `http://127.0.0.1:${server.port}${path}`;
  const key = `x-api-key: ${KEY}`;
  const attempts: readonly (readonly [request: string, code: string])[] = [
    [post(at('/v1/organization/admin_keys'), [key]), 'EGRESS_REQUEST_NOT_ALLOWED'],
    [post(at('/v1/chat/completions'), [key]).replace('POST', 'DELETE'), 'EGRESS_REQUEST_NOT_ALLOWED'],
    [post(at('/v1/chat/../files'), [key]), 'EGRESS_PATH_AMBIGUOUS'],
    [post(at('/v1/chat/completions'), [`x-log: ${KEY}`]), 'SECRET_WRONG_PLACE'],
    [post(at('/v1/chat/completions'), [key, key]), 'EGRESS_HEADER_REFUSED'],
    [post(at('/v1/chat/completions'), [`x-api-key: ${KEY}${KEY}`]), 'SECRET_WRONG_PLACE'],
  ];
  for (const [request, code] of attempts) {
    assert.equal(codeOf(await rawRequest(egress.socketPath, request)), code);
    await egress.ledger.refusal(code);
  }
  const huge = post(at('/v1/chat/completions'), [key, `x-pad: ${'x'.repeat(20_000)}`]);
  assert.match(await rawRequest(egress.socketPath, huge), /^HTTP\/1\.1 431 /);
  assert.equal(server.seen.length, 0);
  const honest = post(at('/v1/chat/completions'), [key]);
  assert.match(await rawRequest(egress.socketPath, honest), /^HTTP\/1\.1 200 /);
});
