import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLogins } from './checks.ts';

const NOBODY = { sessions: [], exposed: [], now: 0 };
const PROVIDER = { issuer: 'https://id.example.org', audience: 'gatehouse' };

function ids(settings: object, facts: Parameters<typeof checkLogins>[1] = NOBODY): readonly string[] {
  return checkLogins({ trustedProxies: [], ...settings }, facts).map(({ id }) => id);
}

test('a provider over http or with generous times is a finding; one with the defaults is none', () => {
  assert.deepEqual(ids({ oidc: [PROVIDER] }), []);
  assert.deepEqual(ids({ oidc: [{ ...PROVIDER, clockSkewSeconds: 120 }] }), []);
  assert.deepEqual(ids({ oidc: [{ ...PROVIDER, clockSkewSeconds: 121 }] }), ['auth.oidc-lenient']);
  assert.deepEqual(ids({ oidc: [{ ...PROVIDER, jwksUri: 'http://127.0.0.1/jwks' }] }), ['auth.oidc-plain']);
  const lenient = { offlineGraceSeconds: 86_401, maxLifetimeSeconds: 86_401 };
  assert.deepEqual(ids({ oidc: [{ ...PROVIDER, ...lenient }] }), ['auth.oidc-lenient', 'auth.oidc-lenient']);
});

test('identity headers without a proxy, or believed from a whole network, are findings', () => {
  const trustedProxy = { userHeader: 'X-User' };
  assert.deepEqual(ids({ trustedProxy }), ['auth.proxy-nobody']);
  assert.deepEqual(ids({ trustedProxy, trustedProxies: ['10.0.0.1', '10.1.0.0/24'] }), []);
  assert.deepEqual(ids({ trustedProxy, trustedProxies: ['10.0.0.0/8'] }), ['auth.proxy-network']);
  assert.deepEqual(ids({ trustedProxies: ['10.0.0.0/8'] }), []);
});

test('a browser session past its end is a finding', () => {
  const session = {
    id: 's',
    principal: 'local',
    name: 'local operator',
    scopes: [],
    createdAt: 0,
    lastSeenAt: 0,
    idleUntil: 1_800_000,
    expiresAt: 43_200_000,
    address: '127.0.0.1',
    userAgent: '',
  };
  assert.deepEqual(ids({}, { ...NOBODY, sessions: [session], now: 1_799_999 }), []);
  assert.deepEqual(ids({}, { ...NOBODY, sessions: [session], now: 1_800_000 }), ['auth.session-too-old']);
});

test('a live token that was found somewhere is a finding that says how to rotate it', () => {
  const exposed = { id: 'i', name: 'ci', version: 2, kind: 'token', places: ['a', 'b'], foundAt: 0 } as const;
  const [finding] = checkLogins({ trustedProxies: [] }, { ...NOBODY, exposed: [exposed] });
  assert.equal(finding?.id, 'auth.token-exposed');
  assert.equal(finding?.severity, 'critical');
  assert.match(finding?.fix ?? '', /token rotate ci /);
});
