import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encoded,
  hmacWithPublicKey,
  type IdentityProvider,
  identityProvider,
  type SigningKey,
  signedBy,
  signingKey,
} from '../../../test/fixtures/identity-provider.ts';
import { issuerOf, KEYS_COOLDOWN_MS, KEYS_FRESH_MS } from '../../controls/auth/index.ts';
import { jsonOf, type TestGateway, testGateway } from './testing/gateway.ts';
import { directory } from './testing/principals.ts';

const NOW = 1_800_000_000;
const AUDIENCE = 'gatehouse';
const OPERATION = { id: 'health.get', scope: 'operator.read', run: () => ({ fine: true }) } as const;

interface Place extends AsyncDisposable {
  readonly provider: IdentityProvider;
  readonly gateway: TestGateway;
  readonly key: SigningKey;
  claims(more?: object): Readonly<Record<string, unknown>>;
  /** A good token, or one with these differences. */
  token(claims?: object, header?: object): string;
  call(token: string): Promise<{ status: number; code: string | undefined }>;
}

async function place(written: object = {}, alg: SigningKey['alg'] = 'ES256'): Promise<Place> {
  const key = signingKey('k1', alg);
  const provider = await identityProvider([key]);
  const issuer = issuerOf({ issuer: provider.issuer, audience: AUDIENCE, ...written });
  const { principals } = directory({
    oidc: { [`${provider.issuer}|alice-1`]: { scopes: ['operator.read'] } },
  });
  const gateway = await testGateway({
    operations: [OPERATION],
    auth: { principals, oidc: { issuers: () => [issuer], fetch } },
  });
  const claims = (more: object = {}) => ({
    iss: provider.issuer,
    aud: AUDIENCE,
    sub: 'alice-1',
    iat: NOW - 10,
    exp: NOW + 300,
    ...more,
  });
  return {
    provider,
    gateway,
    key,
    claims,
    token: (more = {}, header = {}) => signedBy(key, { alg, kid: 'k1', typ: 'JWT', ...header }, claims(more)),
    async call(token) {
      const answer = await fetch(`${gateway.url}/api/v1/health.get`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      });
      const { error } = await jsonOf(answer);
      return { status: answer.status, code: error?.code };
    },
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}

async function refused(where: Place, token: string, code: string, status: number): Promise<void> {
  assert.deepEqual(await where.call(token), { status, code });
  assert.deepEqual(where.gateway.calls, []);
  assert.ok(where.gateway.codes().includes(code), `${code} is in the ledger`);
}

for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
  test(`a token of a configured identity provider gets in as the principal of its subject (${alg})`, async () => {
    await using where = await place({}, alg);
    assert.equal((await where.call(where.token())).status, 200);
    assert.equal((await where.call(where.token({ aud: ['other', AUDIENCE] }))).status, 200);
    const [first] = where.gateway.calls;
    assert.equal(first?.caller.principal.id, 'principal:alice');
    assert.equal(first?.caller.principal.kind, 'oidc');
    assert.deepEqual(where.provider.asked, ['/.well-known/openid-configuration', '/jwks']);
    assert.ok(!JSON.stringify(where.gateway.events).includes(where.token().slice(0, 40)));
  });
}

const HEADERS: Readonly<Record<string, object>> = {
  'no algorithm': { alg: 'none' },
  'another algorithm than the key is for': { alg: 'RS256' },
  'an unknown key id': { kid: 'k2' },
  'a path for a key id': { kid: '../../../../dev/null' },
  'SQL for a key id': { kid: "k1' or '1'='1" },
  'a huge key id': { kid: 'k'.repeat(257) },
  'a key id that is no text': { kid: ['k1'] },
  'a name that every object has for a key id': { kid: '__proto__' },
  'an extension that nobody understands': { crit: ['exp'] },
  'a token inside a token': { cty: 'JWT' },
  'a logout token': { typ: 'logout+jwt' },
};

for (const [what, header] of Object.entries(HEADERS)) {
  test(`auth/JWT with ${what} in its header: refused`, async () => {
    await using where = await place();
    await refused(where, where.token({}, header), 'AUTH_OIDC_TOKEN_INVALID', 401);
  });
}

const CLAIMS: Readonly<Record<string, object>> = {
  'another audience': { aud: 'somebody-else' },
  'an audience that only begins the same': { aud: `${AUDIENCE}-2` },
  'no audience': { aud: undefined },
  'another issuer': { iss: 'https://evil.example' },
  'the issuer with a slash more': { iss: undefined, slash: true },
  'no expiry': { exp: undefined },
  'an expiry that is a text': { exp: '9999999999' },
  'an expiry beyond all numbers': { exp: 1e300 },
  'a life of a year': { exp: NOW + 31_536_000 },
  'a beginning in the future': { nbf: NOW + 120 },
  'an issue in the future': { iat: NOW + 120 },
  'no subject': { sub: undefined },
  'an empty subject': { sub: '' },
  'a subject with a line break': { sub: 'alice-1\nroot' },
  'a subject that is a list': { sub: ['alice-1'] },
  'a huge subject': { sub: 'a'.repeat(300) },
};

for (const [what, claims] of Object.entries(CLAIMS)) {
  test(`auth/JWT with ${what}: refused`, async () => {
    await using where = await place();
    const more = 'slash' in claims ? { iss: `${where.provider.issuer}/` } : claims;
    await refused(where, where.token(more), 'AUTH_OIDC_TOKEN_INVALID', 401);
  });
}

test('auth/JWT that has expired, beyond the tolerance of the clocks: refused, and within it taken', async () => {
  await using where = await place({ clockSkewSeconds: 60 });
  assert.equal((await where.call(where.token({ iat: NOW - 400, exp: NOW - 59 }))).status, 200);
  where.gateway.advance(2_000);
  assert.deepEqual(await where.call(where.token({ iat: NOW - 400, exp: NOW - 59 })), {
    status: 401,
    code: 'AUTH_TOKEN_EXPIRED',
  });
  assert.ok(where.gateway.codes().includes('AUTH_TOKEN_EXPIRED'));
});

test('auth/JWT signed with HS256 and the public key as the secret: refused', async () => {
  await using where = await place({}, 'RS256');
  const header = { alg: 'HS256', kid: 'k1', typ: 'JWT' };
  await refused(where, hmacWithPublicKey(where.key, header, where.claims()), 'AUTH_OIDC_TOKEN_INVALID', 401);
});

test("auth/JWT without a signature, with another key's, encrypted or not one at all: refused", async () => {
  await using where = await place();
  const good = where.token();
  const [head = '', body = ''] = good.split('.');
  const stranger = signingKey('k1');
  const none = encoded({ alg: 'none', kid: 'k1' });
  const bad = [
    `${head}.${body}.`,
    `${none}.${body}.`,
    `${head}.${encoded(where.claims({ sub: 'root' }))}.${good.split('.')[2]}`,
    signedBy(stranger, { alg: 'ES256', kid: 'k1' }, where.claims()),
    `${head}.${body}.a.b`,
    'a.b.c',
    '...',
  ];
  for (const token of bad) {
    assert.deepEqual(await where.call(token), { status: 401, code: 'AUTH_OIDC_TOKEN_INVALID' }, token);
  }
  assert.deepEqual(where.gateway.calls, []);
  assert.ok(where.gateway.codes().includes('AUTH_OIDC_TOKEN_INVALID'));
});

test('auth/JWT that brings or points to its own key (jwk, jku, x5u, x5c): refused, and nothing is fetched', async () => {
  await using where = await place();
  const stranger = signingKey('evil');
  await using theirs = await identityProvider([stranger]);
  const url = `${theirs.issuer}/jwks`;
  const header = { alg: 'ES256', kid: 'evil', jwk: stranger.jwk, jku: url, x5u: url, x5c: ['AAAA'] };
  await refused(where, signedBy(stranger, header, where.claims()), 'AUTH_OIDC_TOKEN_INVALID', 401);
  assert.deepEqual(theirs.asked, []);
});

test('auth/JWT of more than 8 KiB: refused before anybody looks for its key', async () => {
  await using where = await place();
  const token = where.token({ filler: 'x'.repeat(6_200) });
  assert.ok(token.length > 8_192);
  await refused(where, token, 'AUTH_OIDC_TOKEN_INVALID', 401);
  assert.deepEqual(where.provider.asked, []);
});

test('auth/a proven subject that no principal has: refused, and the ledger names it', async () => {
  await using where = await place();
  await refused(where, where.token({ sub: 'mallory' }), 'AUTH_IDENTITY_UNKNOWN', 403);
  const event = where.gateway.events.find(({ code }) => code === 'AUTH_IDENTITY_UNKNOWN');
  assert.equal(event?.data?.['identity'], `${where.provider.issuer}|mallory`);
});

test('auth/JWT without a claim that is required, or with another value: refused', async () => {
  await using where = await place({ requiredClaims: { token_use: 'access' } });
  await refused(where, where.token(), 'AUTH_OIDC_TOKEN_INVALID', 401);
  await refused(where, where.token({ token_use: 'id' }), 'AUTH_OIDC_TOKEN_INVALID', 401);
  assert.equal((await where.call(where.token({ token_use: 'access' }))).status, 200);
});

test('auth/made-up key ids: one look at the provider per cooldown, however many come', async () => {
  await using where = await place();
  await where.call(where.token());
  const before = where.provider.asked.length;
  await Promise.all(
    Array.from({ length: 30 }, (_, n) => where.call(where.token({}, { kid: `made-up-${n}` }))),
  );
  assert.equal(where.provider.asked.length, before, 'the provider was just asked');
  where.gateway.advance(KEYS_COOLDOWN_MS);
  await Promise.all(Array.from({ length: 30 }, (_, n) => where.call(where.token({}, { kid: `more-${n}` }))));
  assert.equal(where.provider.asked.length, before + 2, 'one discovery document and one key set');
});

test('ten bad JWTs lock out further bad ones of the address, and not the holder of a good one', async () => {
  await using where = await place();
  for (let n = 0; n < 10; n++) await where.call('a.b.c');
  assert.deepEqual(await where.call('a.b.c'), { status: 429, code: 'AUTH_RATE_LIMITED' });
  assert.equal((await where.call(where.token())).status, 200);
});

test('a key that the provider has rotated in is taken after one look; the withdrawn one is not', async () => {
  await using where = await place();
  assert.equal((await where.call(where.token())).status, 200);
  const next = signingKey('k2');
  where.provider.jwks = { keys: [next.jwk] };
  where.gateway.advance(KEYS_COOLDOWN_MS);
  const fresh = signedBy(next, { alg: 'ES256', kid: 'k2' }, where.claims());
  assert.equal((await where.call(fresh)).status, 200);
  assert.deepEqual(await where.call(where.token()), { status: 401, code: 'AUTH_OIDC_TOKEN_INVALID' });
});

test('auth/identity provider down: known keys work until the grace ends, unknown ones never', async () => {
  await using where = await place({ offlineGraceSeconds: 3_600 });
  const token = () => where.token({ exp: NOW + 20_000 });
  assert.equal((await where.call(token())).status, 200);
  where.provider.status = 503;
  where.gateway.advance(KEYS_FRESH_MS + 1);
  assert.equal((await where.call(token())).status, 200);
  where.gateway.advance(KEYS_COOLDOWN_MS);
  await refusedLater(where, where.token({ exp: NOW + 20_000 }, { kid: 'k9' }));
  where.gateway.advance(3_600_000 - KEYS_FRESH_MS - KEYS_COOLDOWN_MS - 1);
  assert.equal((await where.call(token())).status, 200, 'the last millisecond of the grace');
  where.gateway.advance(1);
  await refusedLater(where, token());
  where.provider.status = 200;
  where.gateway.advance(KEYS_COOLDOWN_MS);
  assert.equal((await where.call(token())).status, 200, 'and it comes back by itself');
});

async function refusedLater(where: Place, token: string): Promise<void> {
  assert.deepEqual(await where.call(token), { status: 503, code: 'AUTH_OIDC_UNAVAILABLE' });
  assert.ok(where.gateway.codes().includes('AUTH_OIDC_UNAVAILABLE'));
}

const SETS: Readonly<Record<string, (key: SigningKey) => unknown>> = {
  'no JSON': () => '<html>not today</html>',
  'a list': () => [],
  'without keys': () => ({}),
  'of 65 keys': ({ jwk }) => ({ keys: Array.from({ length: 65 }, (_, n) => ({ ...jwk, kid: `k${n}` })) }),
  'of more than 64 KiB': ({ jwk }) => ({ keys: [jwk], filler: 'x'.repeat(65_536) }),
};

for (const [what, set] of Object.entries(SETS)) {
  test(`auth/JWK set that is ${what}: refused whole`, async () => {
    await using where = await place();
    where.provider.jwks = set(where.key);
    await refusedLater(where, where.token());
    assert.deepEqual(where.gateway.calls, []);
  });
}

const KEYS: Readonly<Record<string, (key: SigningKey) => readonly unknown[]>> = {
  'two keys of one id': ({ jwk }) => [jwk, signingKey('k1').jwk],
  'one id twice, the second unusable': ({ jwk }) => [jwk, { kid: 'k1', kty: 'oct', k: 'AAAA' }],
  'a private key': ({ privateKey }) => [{ ...privateKey.export({ format: 'jwk' }), kid: 'k1' }],
  'a key for encryption': ({ jwk }) => [{ ...jwk, use: 'enc' }],
  'a key that may not verify': ({ jwk }) => [{ ...jwk, key_ops: ['deriveKey'] }],
  'a key for another algorithm': ({ jwk }) => [{ ...jwk, alg: 'ES384' }],
  'a point that is not on the curve': ({ jwk }) => [{ ...jwk, x: 'AAAA' }],
  'things that are no keys': () => [null, 7, 'k1', [], { kid: 'k1' }, { kid: 'k1', kty: {} }],
};

for (const [what, keys] of Object.entries(KEYS)) {
  test(`auth/JWK set with ${what}: that key does not count`, async () => {
    await using where = await place();
    where.provider.jwks = { keys: keys(where.key) };
    await refused(where, where.token(), 'AUTH_OIDC_TOKEN_INVALID', 401);
  });
}

test('auth/RSA key of 1024 bits: does not count', async () => {
  await using where = await place();
  const weak = signingKey('weak', 'RS256', 1_024);
  where.provider.jwks = { keys: [weak.jwk] };
  const token = signedBy(weak, { alg: 'RS256', kid: 'weak' }, where.claims());
  await refused(where, token, 'AUTH_OIDC_TOKEN_INVALID', 401);
});

test('auth/discovery document of another issuer: refused', async () => {
  await using where = await place();
  where.provider.discovery = { issuer: 'https://evil.example', jwks_uri: `${where.provider.issuer}/jwks` };
  await refusedLater(where, where.token());
  assert.ok(!where.provider.asked.includes('/jwks'));
});

test('a connection that a JWT opened is told when the JWT ends, the tolerance of the clocks included', async () => {
  await using where = await place();
  const peer = { address: '127.0.0.1', userAgent: 'test', surface: 'ws' } as const;
  const ended: string[] = [];
  where.gateway.auth.onRevoked((credential) => ended.push(credential));
  const grant = await where.gateway.auth.authenticateConnect(
    { token: where.token() },
    ['operator.admin', 'operator.read'],
    peer,
  );
  assert.deepEqual(grant.scopes, ['operator.read'], 'never more than the principal has');
  where.gateway.advance(359_999);
  where.gateway.runTimers();
  assert.deepEqual(ended, []);
  where.gateway.advance(1);
  where.gateway.runTimers();
  assert.deepEqual(ended, [grant.principal.credentialId]);
});
