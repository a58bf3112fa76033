import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { certificateFor } from '../../controls/egress/testing/certificates.ts';
import { jsonOf, type TestGateway, testGateway } from './testing/gateway.ts';
import { directory } from './testing/principals.ts';
import { transportIdentity } from './transport-identity.ts';

const OPERATION = { id: 'health.get', scope: 'operator.read', run: () => ({ fine: true }) } as const;
const HEADER = 'x-forwarded-user';
const SETTINGS = { userHeader: 'X-Forwarded-User', certificateHeader: 'X-Client-Cert' };
const FINGERPRINT = createHash('sha256').update('a certificate').digest('hex');

async function place(more: { listed?: boolean; settings?: object } = {}) {
  const { listed = true, settings = {} } = more;
  const users = directory({
    proxy: { alice: { scopes: ['operator.read'] }, bob: { scopes: ['operator.read'] } },
    certificate: { [FINGERPRINT]: { name: 'alice', scopes: ['operator.read'] } },
  });
  const gateway = await testGateway({
    operations: [OPERATION],
    auth: { principals: users.principals },
    rules: { trustedProxies: listed ? ['127.0.0.1'] : [] },
    parts: { proxyIdentity: () => ({ ...SETTINGS, ...settings }) },
  });
  return { gateway, change: users.change };
}

/** Header lines as they are, so that what a client library would refuse to send is sent. */
async function ask(where: TestGateway, lines: readonly string[]): Promise<string> {
  const answer = await where.raw(
    `POST /api/v1/health.get HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\nX-Forwarded-For: 203.0.113.7\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
  );
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  if (answer.startsWith('HTTP/1.1 200')) return 'ok';
  if (body === '') return answer.split('\r\n', 1)[0] ?? '';
  return (await jsonOf(new Response(body))).error?.code ?? '';
}

test('a listed proxy names the user that it has authenticated, by a value that a principal has', async () => {
  const { gateway } = await place();
  await using where = gateway;
  assert.equal(await ask(where, [`${HEADER}: alice`]), 'ok');
  const caller = where.calls[0]?.caller.principal;
  assert.equal(caller?.id, 'principal:alice');
  assert.equal(caller?.kind, 'proxy');
  assert.equal(await ask(where, [`X-Client-Cert: ${FINGERPRINT.toUpperCase()}`]), 'ok');
  assert.equal(where.calls[1]?.caller.principal.kind, 'certificate');
});

test('auth/identity header from anybody but a listed proxy, this machine included: refused', async () => {
  const { gateway } = await place({ listed: false });
  await using where = gateway;
  for (const name of [HEADER, 'X-FORWARDED-USER', 'X_Forwarded_User', 'X-Client-Cert']) {
    const answer = await where.raw(
      `POST /api/v1/health.get HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n${name}: alice\r\n\r\n`,
    );
    assert.match(answer, /LISTEN_PROXY_NOT_TRUSTED/, name);
  }
  assert.deepEqual(where.calls, []);
  assert.ok(where.codes().includes('LISTEN_PROXY_NOT_TRUSTED'));
});

const VALUES: Readonly<Record<string, readonly string[]>> = {
  'that comes twice': [`${HEADER}: alice`, `${HEADER}: bob`],
  'that comes twice in two spellings': [`${HEADER}: alice`, 'X_Forwarded_User: bob'],
  'that is empty': [`${HEADER}:`],
  'with two values in one': [`${HEADER}: alice,bob`],
  'with a control character': [`${HEADER}: ali\tce\u0001`],
  'beyond ASCII': [`${HEADER}: al\u00efce`],
  'that is huge': [`${HEADER}: ${'a'.repeat(257)}`],
  'with a fingerprint that is none': ['X-Client-Cert: 12:34'],
  'with a certificate that is none': ['X-Client-Cert: -----BEGIN%20CERTIFICATE-----%0AAAAA'],
};

for (const [what, lines] of Object.entries(VALUES)) {
  test(`auth/identity header ${what}: refused`, async () => {
    const { gateway } = await place();
    await using where = gateway;
    // Node's own parser may refuse first; either way nobody gets in.
    assert.match(await ask(where, lines), /^(AUTH_PROXY_HEADER_INVALID|HTTP\/1\.1 400.*)$/);
    assert.deepEqual(where.calls, []);
  });
}

test('auth/identity header without the headers that must come along, or of a user that is not listed: refused', async () => {
  const { gateway } = await place({ settings: { requiredHeaders: ['X-Auth-Proof'], allowUsers: ['alice'] } });
  await using where = gateway;
  assert.equal(await ask(where, [`${HEADER}: alice`]), 'AUTH_PROXY_HEADER_INVALID');
  assert.equal(await ask(where, [`${HEADER}: alice`, 'X-Auth-Proof:']), 'AUTH_PROXY_HEADER_INVALID');
  assert.equal(await ask(where, [`${HEADER}: bob`, 'X-Auth-Proof: 1']), 'AUTH_IDENTITY_UNKNOWN');
  assert.deepEqual(where.calls, []);
  assert.equal(await ask(where, [`${HEADER}: alice`, 'X-Auth-Proof: 1']), 'ok');
});

test('auth/identity that no principal has, or one that is disabled, expired or elsewhere: refused', async () => {
  const { gateway, change } = await place();
  await using where = gateway;
  assert.equal(await ask(where, [`${HEADER}: mallory`]), 'AUTH_IDENTITY_UNKNOWN');
  change('alice', { disabledAt: 1 });
  assert.equal(await ask(where, [`${HEADER}: alice`]), 'AUTH_PRINCIPAL_DISABLED');
  change('alice', { disabledAt: null, expiresAt: 1 });
  assert.equal(await ask(where, [`${HEADER}: alice`]), 'AUTH_PRINCIPAL_EXPIRED');
  change('alice', { expiresAt: null, addresses: ['198.51.100.0/24'] });
  assert.equal(await ask(where, [`${HEADER}: alice`]), 'AUTH_ADDRESS_NOT_ALLOWED');
  change('alice', { addresses: ['203.0.113.7'] });
  assert.deepEqual(where.calls, []);
  assert.equal(await ask(where, [`${HEADER}: alice`]), 'ok');
});

test('auth/credentials of different principals in one request: refused, whichever is right', async () => {
  const { gateway } = await place();
  await using where = gateway;
  const token = await where.issue('laptop', ['operator.read']);
  const bearer = `Authorization: Bearer ${token}`;
  assert.equal(await ask(where, [`${HEADER}: alice`, bearer]), 'AUTH_IDENTITY_CONFLICT');
  assert.equal(
    await ask(where, [`${HEADER}: bob`, `X-Client-Cert: ${FINGERPRINT}`]),
    'AUTH_IDENTITY_CONFLICT',
  );
  assert.equal(await ask(where, [`${HEADER}: mallory`, bearer]), 'AUTH_IDENTITY_UNKNOWN');
  assert.equal(await ask(where, [`${HEADER}: alice`, 'Authorization: Bearer wrong']), 'AUTH_TOKEN_INVALID');
  assert.deepEqual(where.calls, []);
  assert.ok(where.codes().includes('AUTH_IDENTITY_CONFLICT'));
  assert.equal(await ask(where, [`${HEADER}: alice`, `X-Client-Cert: ${FINGERPRINT}`]), 'ok');
});

test('nginx hands on the certificate itself: its SHA-256 counts', async () => {
  const pem = certificateFor('carol').cert;
  const digest = createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
  const { principals } = directory({
    certificate: { [digest]: { name: 'carol', scopes: ['operator.read'] } },
  });
  await using where = await testGateway({
    operations: [OPERATION],
    auth: { principals },
    rules: { trustedProxies: ['127.0.0.1'] },
    parts: { proxyIdentity: () => SETTINGS },
  });
  assert.equal(await ask(where, [`X-Client-Cert: ${encodeURIComponent(pem)}`]), 'ok');
  assert.equal(where.calls[0]?.caller.principal.credentialId, `certificate:${digest}`);
});

test('auth/client certificate that no authority of the listener signed, or of a listed proxy: proves nothing', async () => {
  const [server, alice, stranger] = ['127.0.0.1', 'alice', 'stranger'].map((name) => certificateFor(name));
  assert.ok(server !== undefined && alice !== undefined && stranger !== undefined);
  let trustedProxies: readonly string[] = [];
  const rules = () => ({ allowedHosts: [], allowedOrigins: [], trustedProxies });
  const options = {
    key: server.key,
    cert: server.cert,
    ca: alice.cert,
    requestCert: true,
    rejectUnauthorized: false,
  };
  const listener = createServer(options, (request, response) => {
    response.end(JSON.stringify(transportIdentity({ rules }, request, '127.0.0.1')));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const ask = async (shown: object): Promise<string> => {
    const call = request({ host: '127.0.0.1', port, ca: server.cert, agent: false, ...shown });
    call.end();
    const [answer] = (await once(call, 'response')) as [AsyncIterable<Buffer>];
    let body = '';
    for await (const chunk of answer) body += chunk.toString();
    return body;
  };
  try {
    const digest = createHash('sha256').update(new X509Certificate(alice.cert).raw).digest('hex');
    assert.match(await ask(alice), new RegExp(`"fingerprint":"${digest}"`));
    assert.equal(await ask(stranger), '{}');
    assert.equal(await ask({}), '{}');
    trustedProxies = ['127.0.0.1'];
    assert.equal(await ask(alice), '{}', "the proxy's own certificate is nobody's who comes through it");
  } finally {
    listener.close();
  }
});
