import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { frontConfiguration, readFront } from '../../src/controls/listen/index.ts';
import { type Authority, type Certificate, certificateAuthority } from '../fixtures/certificates.ts';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { configFor, type HostileModel, startHostileModel } from '../fixtures/hostile-model.ts';
import { call } from '../fixtures/http.ts';
import { type Nginx, nginxVerdict, startNginx } from '../fixtures/nginx.ts';
import { connectOpenClaw, connectRefused } from '../fixtures/openclaw-client.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';
import { freePort } from '../fixtures/programs.ts';

const NAME = 'gate.example.org';
const env = { OPENAI_API_KEY: 'sk-front-0123456789abcdef' };
const message = { message: 'intruder', sessionKey: 'intruder' };

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly code: string | undefined;
}

let people: Authority;
let others: Authority;
let alice: Certificate;
let root: Certificate;
let model: HostileModel;
let gateway: TestGateway;
let nginx: Nginx;
let port: number;

interface Sent {
  readonly as?: Certificate | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly servername?: string;
}

/** One request from outside. Rejects when the handshake is refused. */
function send(path: string, { as, headers = {}, body, servername = NAME }: Sent = {}): Promise<Answer> {
  const identity = as === undefined ? {} : { cert: as.certificate, key: as.key };
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        servername,
        ca: people.ca,
        agent: false,
        method: body === undefined ? 'GET' : 'POST',
        headers: { host: `${NAME}:${port}`, ...type, ...headers },
        ...identity,
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk));
        response.on('end', () => {
          const { statusCode: status = 0 } = response;
          const code = /"code":"([A-Z_]+)"/.exec(text)?.[1];
          resolve({ status, headers: response.headers, text, code });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const api = (operation: string, sent: Sent) => send(`/api/v1/${operation}`, { body: {}, ...sent });

/** A client that speaks no TLS comes in here, and goes on to nginx with the certificate of `as`. */
async function tlsBridge(as: Certificate): Promise<AsyncDisposable & { readonly url: string }> {
  const far = new Set<TLSSocket>();
  const server = createServer((near) => {
    const { certificate: cert, key } = as;
    const socket = connectTls({ host: '127.0.0.1', port, servername: NAME, ca: people.ca, cert, key });
    far.add(socket);
    near.once('data', (first: Buffer) => {
      socket.write(first.toString('latin1').replace(/^Host: .*$/im, `Host: ${NAME}:${port}`), 'latin1');
      near.pipe(socket);
    });
    socket.pipe(near);
    for (const end of [near, socket]) end.on('error', () => undefined);
    socket.once('close', () => near.destroy());
    near.once('close', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of far) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function recordedLogin(code: string): Promise<void> {
  await until(
    async () => (await records(gateway.home, { type: 'login', code })).length > 0,
    `no login.refused with ${code}`,
  );
}

async function addPrincipal(name: string, scopes: string, { fingerprint }: Certificate): Promise<void> {
  const words = ['principal', 'add', name, '--owner', 'tester', '--scopes', scopes, '--agents', 'main'];
  const { code, stderr } = await gateway.cli([...words, '--certificate', fingerprint]);
  assert.equal(code, 0, stderr);
}

before(async () => {
  people = certificateAuthority('people');
  others = certificateAuthority('others');
  alice = people.issue('alice', 'client');
  root = people.issue('root', 'client');
  const server = people.issue(NAME, 'server');
  model = await startHostileModel();
  port = await freePort();
  const keys = frontConfiguration(readFront({ name: NAME, clientCa: people.caFile, port }));
  gateway = await startGateway({ config: { ...configFor(model), ...keys }, env });
  await addPrincipal('alice', 'operator.read,operator.write', alice);
  await addPrincipal('root', 'operator.admin', root);
  const words = [
    'front',
    'nginx',
    '--name',
    NAME,
    '--client-ca',
    people.caFile,
    '--listen',
    `127.0.0.1:${port}`,
  ];
  const printed = await gateway.cli([
    ...words,
    '--certificate',
    server.certificateFile,
    '--key',
    server.keyFile,
    '--port',
    String(gateway.port),
  ]);
  assert.equal(printed.code, 0, printed.stderr);
  nginx = await startNginx(printed.stdout, port);
});

after(async () => {
  await nginx[Symbol.asyncDispose]();
  await gateway.stop();
  await model[Symbol.asyncDispose]();
  await removeHome(gateway.home);
  for (const authority of [people, others]) authority[Symbol.dispose]();
});

describe('a real nginx with what `front nginx` printed', () => {
  test('is accepted by nginx -t with and without client certificates', async () => {
    const server = people.issue(NAME, 'server');
    const files = ['--certificate', server.certificateFile, '--key', server.keyFile];
    for (const more of [[], ['--client-ca', people.caFile], ['--listen', '[::1]:8443']]) {
      const { stdout } = await gateway.cli(['front', 'nginx', '--name', NAME, ...files, ...more]);
      const { ok, said } = nginxVerdict(stdout);
      assert.ok(ok, said);
      assert.doesNotMatch(said, /warn/);
    }
  });

  test('lets the holder of a certificate in as its principal, without a token', async () => {
    const { status, text, headers } = await api('sessions.list', { as: alice });
    assert.equal(status, 200, text);
    assert.match(String(headers['strict-transport-security']), /max-age=\d{8}/);
    assert.doesNotMatch(String(headers.server), /\d/);
    const [login] = (await records(gateway.home, { type: 'login' })).filter(
      ({ subject }) => subject?.['principal'] === 'principal:alice',
    );
    assert.ok(login === undefined || login.outcome === 'success');
    const run = await api('agent.run', { as: alice, body: { message: 'hello', sessionKey: 'front' } });
    assert.equal(run.status, 200, run.text);
    assert.equal(model.calls('hello'), 1);
  });

  test('carries the published OpenClaw client over WebSocket', async () => {
    await using bridge = await tlsBridge(alice);
    const token = await issueFor('alice');
    await using client = await connectOpenClaw(bridge.url, {
      token,
      scopes: ['operator.read', 'operator.write'],
    });
    const sent = await client.request('chat.send', {
      sessionKey: 'front-ws',
      message: 'over',
      idempotencyKey: 'front-ws',
    });
    assert.equal(sent['status'], 'started');
    await client.event('chat', ({ runId, state }) => runId === 'front-ws' && state === 'final');
    assert.equal(model.calls('over'), 1);
  });

  test('listen/a client without a certificate: refused', async () => {
    const { status, text, headers } = await api('agent.run', { body: message });
    assert.equal(status, 400);
    assert.match(text, /No required SSL certificate/);
    assert.match(String(headers['strict-transport-security']), /max-age/);
    assert.equal(model.calls('intruder'), 0);
  });

  test('listen/a certificate of another authority: refused', async () => {
    const stranger = others.issue('alice', 'client');
    const answer = await api('agent.run', { as: stranger, body: message });
    assert.equal(answer.status, 400);
    assert.match(answer.text, /SSL certificate error/);
    assert.equal(model.calls('intruder'), 0);
  });

  test('auth/a certificate of the right authority that stands for nobody: refused', async () => {
    const nobody = people.issue('nobody', 'client');
    const { status, code } = await api('agent.run', { as: nobody, body: message });
    assert.deepEqual([status, code], [403, 'AUTH_IDENTITY_UNKNOWN']);
    await recordedLogin('AUTH_IDENTITY_UNKNOWN');
    assert.equal(model.calls('intruder'), 0);
  });

  test('listen/identity and forwarding headers of the client itself: without effect', async () => {
    const claims = {
      'x-gatehouse-client-certificate': root.fingerprint,
      x_gatehouse_client_certificate: root.fingerprint,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'evil.example',
      'x-real-ip': '127.0.0.1',
      forwarded: 'for=127.0.0.1',
      'true-client-ip': '127.0.0.1',
      'tailscale-user-login': 'root@example.org',
      'x-original-url': '/api/v1/token.issue',
    };
    const { status, text } = await api('sessions.list', { as: alice, headers: claims });
    assert.equal(status, 200, text);
    const denied = await api('token.list', { as: alice, headers: claims });
    assert.equal(denied.status, 403, denied.text);
    const last = (await records(gateway.home, { action: 'operation.call' })).at(-1);
    assert.equal(last?.subject?.['principal'], 'principal:alice');
    const token = await gateway.issueToken('guess', ['operator.read']);
    const made = `${token.slice(0, -12)}xxxx${token.slice(-8)}`;
    const headers = { ...claims, authorization: `Bearer ${made}` };
    await api('sessions.list', { as: alice, headers });
    await recordedLogin('AUTH_TOKEN_INVALID');
    const [refused] = await records(gateway.home, { type: 'login', code: 'AUTH_TOKEN_INVALID' });
    // The client's real address, by way of nginx, and not one of those it claimed: here both are this machine's.
    assert.equal(refused?.data?.['address'], '127.0.0.1');
  });

  test('listen/forwarding and identity headers straight to the gateway: refused', async () => {
    const direct = (headers: Readonly<Record<string, string>>) =>
      call(`${gateway.url}/api/v1/agent.run`, { headers, body: message });
    const forwarded = await direct({ 'x-forwarded-for': '203.0.113.9' });
    assert.deepEqual([forwarded.status, forwarded.code], [403, 'LISTEN_PROXY_NOT_TRUSTED']);
    const claimed = await direct({ 'x-gatehouse-client-certificate': alice.fingerprint });
    assert.equal(claimed.status, 403);
    await recordedLogin('LISTEN_PROXY_NOT_TRUSTED');
    assert.equal(model.calls('intruder'), 0);
  });

  test('listen/administration from outside, whatever the certificate may do at home: refused', async () => {
    const body = { name: 'more', scopes: ['operator.admin'], owner: 'x' };
    const { status, text } = await api('token.issue', { as: root, body });
    assert.equal(status, 403, text);
    const tokens = JSON.stringify((await operate(gateway.home, 'token.list')).result);
    assert.doesNotMatch(tokens, /"more"/);
    for (const path of ['/metrics', '/readyz']) assert.equal((await send(path, { as: root })).status, 404);
  });

  test('auth/a token of another principal beside the certificate: refused', async () => {
    const token = await gateway.issueToken('other', ['operator.write']);
    const headers = { authorization: `Bearer ${token}` };
    const { status, code } = await api('agent.run', { as: alice, headers, body: message });
    assert.deepEqual([status, code], [403, 'AUTH_IDENTITY_CONFLICT']);
    await using bridge = await tlsBridge(alice);
    const refusal = await connectRefused(bridge.url, { token });
    assert.match(JSON.stringify(refusal.details ?? refusal.message), /AUTH_IDENTITY_CONFLICT|unauthorized/);
    await recordedLogin('AUTH_IDENTITY_CONFLICT');
    assert.equal(model.calls('intruder'), 0);
  });

  test('listen/another host name, in the handshake or in the request: refused', async () => {
    await assert.rejects(
      send('/healthz', { as: alice, servername: 'evil.example' }),
      /unrecognized|alert|ECONNRESET/i,
    );
    const { status } = await send('/healthz', { as: alice, headers: { host: 'evil.example' } });
    assert.ok(status === 404 || status === 421, String(status));
  });

  test('listen/headers and bodies past the bounds: refused', async () => {
    const large = await send('/healthz', { as: alice, headers: { 'x-large': 'a'.repeat(40_000) } });
    assert.equal(large.status, 400);
    const body = await send('/api/v1/sessions.list', {
      as: alice,
      headers: { 'content-length': String(21 * 1024 * 1024) },
    });
    assert.equal(body.status, 413);
  });

  test('listen/a client that sends its request byte by byte: closed within the bound', async () => {
    const { certificate: cert, key } = alice;
    const socket = connectTls({ host: '127.0.0.1', port, servername: NAME, ca: people.ca, cert, key });
    await once(socket, 'secureConnect');
    const started = performance.now();
    socket.write(`GET /healthz HTTP/1.1\r\nHost: ${NAME}\r\n`);
    const drip = setInterval(() => socket.write('X-A: 1\r\n'), 2_000);
    socket.resume();
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);
    const seconds = (performance.now() - started) / 1_000;
    assert.ok(seconds < 20, `${seconds} s`);
  });

  test('keeps secrets out of its log', async () => {
    const token = await gateway.issueToken('logged', ['operator.read']);
    const answer = await send(`/api/v1/sessions.list?token=${token}`, { as: alice, body: {} });
    assert.equal(answer.status, 400);
    assert.match(nginx.accessLog(), /sessions\.list/);
    assert.equal(nginx.accessLog().includes(token), false);
  });
});

async function issueFor(principal: string): Promise<string> {
  const words = ['token', 'issue', `${principal}-phone`, '--principal', principal];
  const result = await gateway.cli([...words, '--scopes', 'operator.read,operator.write', '--json']);
  assert.equal(result.code, 0, result.stderr);
  return String((result.json as { token: string }).token);
}
