import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { request } from 'node:https';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { type Certificate, certificateAuthority } from '../fixtures/certificates.ts';
import { startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { call } from '../fixtures/http.ts';
import { operate, records, until } from '../fixtures/operator.ts';

/** Long enough for the tests before the last one, which waits for the end. */
const GRANT_MS = 15_000;

const address =
  Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '';

interface Listener {
  readonly plane: string;
  readonly address: string;
  readonly port: number;
  readonly declared: boolean;
}

let gateway: TestGateway;
let people: ReturnType<typeof certificateAuthority>;
let alice: Certificate;
let admin: string;

async function listeners(): Promise<readonly Listener[]> {
  return (await operate(gateway.home, 'inventory.listeners')).result['listeners'] as readonly Listener[];
}

async function portOf(plane: string, host: string): Promise<number> {
  const found = (await listeners()).find((one) => one.plane === plane && one.address === host);
  assert.ok(found !== undefined, `${plane} does not listen on ${host}`);
  return found.port;
}

function overTls(
  port: number,
  operation: string,
  { token, as }: { readonly token?: string; readonly as?: Certificate } = {},
): Promise<{ readonly status: number; readonly text: string; readonly hsts: string }> {
  const identity = as === undefined ? {} : { cert: as.certificate, key: as.key };
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: address,
        port,
        path: `/api/v1/${operation}`,
        method: 'POST',
        agent: false,
        rejectUnauthorized: false,
        headers: { 'content-type': 'application/json', ...authorization },
        ...identity,
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text,
            hsts: String(response.headers['strict-transport-security'] ?? ''),
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end('{}');
  });
}

before(async () => {
  assert.notEqual(
    address,
    '',
    'this machine has no address besides loopback: ip addr add 192.0.2.2/24 dev eth0',
  );
  people = certificateAuthority('people');
  alice = people.issue('alice', 'client');
  const server = people.issue('gate', 'server');
  chmodSync(server.keyFile, 0o600);
  const tls = {
    enabled: true,
    certPath: server.certificateFile,
    keyPath: server.keyFile,
    caPath: people.caFile,
    clientAuth: 'optional',
  };
  gateway = await startGateway({
    config: {
      gateway: {
        bind: address,
        allowedHosts: [address],
        allowedAddresses: [address],
        tls,
        listeners: { admin: { enabled: true, port: 0 }, metrics: { enabled: true, port: 0 } },
      },
      grants: [
        {
          id: 'lan',
          layer: 'ceiling',
          kind: 'listen.open',
          match: { plane: ['users'], address: [address] },
          owner: 'olga',
          ticket: 'T-1',
          reason: 'a test',
          expires: new Date(Date.now() + GRANT_MS).toISOString(),
        },
      ],
    },
  });
  admin = await gateway.issueToken('admin', ['operator.admin']);
});

after(async () => {
  await gateway[Symbol.asyncDispose]();
  people[Symbol.dispose]();
});

describe('an address that others can reach, by grant', () => {
  test('is there with TLS beside loopback, and everything that listens is declared', async () => {
    const port = await portOf('users and API', address);
    const answer = await overTls(port, 'health.get', { token: admin });
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.hsts, /max-age=31536000/);
    assert.ok((await listeners()).every(({ declared }) => declared));
  });

  test('listen/administration through it, whatever the token holds: refused', async () => {
    const port = await portOf('users and API', address);
    const answer = await overTls(port, 'token.list', { token: admin });
    assert.equal(answer.status, 403);
    assert.match(answer.text, /AUTH_OPERATION_DENIED/);
    const [refused] = await records(gateway.home, {
      action: 'operation.call',
      code: 'AUTH_OPERATION_DENIED',
    });
    assert.equal(refused?.rule, 'plane:users/published');
    const near = await call(
      `http://127.0.0.1:${await portOf('administration', '127.0.0.1')}/api/v1/token.list`,
      {
        token: admin,
        body: {},
      },
    );
    assert.equal(near.status, 200, near.text);
  });

  test('a client certificate is its principal', async () => {
    const words = [
      'principal',
      'add',
      'alice',
      '--owner',
      'alice',
      '--scopes',
      'operator.read',
      '--agents',
      'main',
    ];
    assert.equal((await gateway.cli([...words, '--certificate', alice.fingerprint])).code, 0);
    const port = await portOf('users and API', address);
    assert.equal((await overTls(port, 'sessions.list', { as: alice })).status, 200);
    const logins = await records(gateway.home, { action: 'login.accepted' });
    assert.ok(logins.some(({ subject }) => subject?.['principal'] === 'principal:alice'));
  });

  test('auth/nobody, and a certificate that stands for nobody: refused', async () => {
    const port = await portOf('users and API', address);
    assert.equal((await overTls(port, 'sessions.list')).status, 401);
    const stranger = people.issue('stranger', 'client');
    assert.equal((await overTls(port, 'sessions.list', { as: stranger })).status, 403);
  });

  test('listen/TLS 1.2, and bytes that are no TLS: refused, and recorded apart from logins', async () => {
    const port = await portOf('users and API', address);
    const failure = await new Promise<Error>((resolve, reject) => {
      const socket = connect({ host: address, port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
      socket.once('error', resolve);
      socket.once('secureConnect', () => reject(new Error('TLS 1.2 was taken')));
    });
    assert.match(failure.message, /protocol version|alert|reset/i);
    await assert.rejects(call(`http://${address}:${port}/healthz`));
    await until(
      async () => (await records(gateway.home, { code: 'LISTEN_TLS_HANDSHAKE_FAILED' })).length > 0,
      'the handshake was not recorded',
    );
  });

  test('listen/routes of other planes on the port of probes: refused', async () => {
    const probes = `http://127.0.0.1:${await portOf('metrics', '127.0.0.1')}`;
    assert.equal((await call(`${probes}/healthz`)).status, 200);
    for (const path of ['/api/v1/health.get', '/v1/models', '/login', '/tools/invoke']) {
      assert.equal((await call(`${probes}${path}`, { token: admin, body: {} })).status, 404, path);
    }
  });

  test('listen/a connection after the grant has ended: refused, with an alert, and loopback goes on', async () => {
    const port = await portOf('users and API', address);
    const socket = connect({ host: address, port, rejectUnauthorized: false });
    const ended = new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
    });
    socket.on('error', () => undefined);
    socket.resume();
    await until(async () => {
      const { alerts } = (await operate(gateway.home, 'alerts.list')).result as {
        alerts: { rule: string }[];
      };
      return alerts.some(({ rule }) => rule === 'listener.grant-ended');
    }, 'the end of the grant was not told');
    await ended;
    await assert.rejects(overTls(port, 'health.get', { token: admin }), /ECONNREFUSED/);
    assert.equal((await call(`${gateway.url}/healthz`)).status, 200);
    assert.ok((await listeners()).every((one) => one.address !== address));
  });
});
