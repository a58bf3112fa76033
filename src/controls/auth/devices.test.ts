import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_SIGNATURE_SKEW_MS } from './device-proof.ts';
import {
  KEPT_FOR_KNOWN,
  MAX_PENDING_PER_ADDRESS,
  MAX_PENDING_TOTAL,
  PENDING_TTL_MS,
  STRANGER_KEEPS_MS,
} from './pairing.ts';
import { peer, type TestAuth, testAuth, testDevice } from './testing/home.ts';
import type { ConnectCredentials, DeviceClaim, Principal, Scope } from './types.ts';

const failed = (code: string) => ({ code });
const READ = ['operator.read'];

async function home(scopes: readonly Scope[] = ['operator.read', 'operator.approvals']) {
  const base = await testAuth();
  const device = testDevice(() => base.time.now());
  const { token, summary } = await base.auth.issueToken({ name: 'phone', scopes });
  return { ...base, device, token, summary };
}

function connect(
  base: TestAuth,
  credentials: ConnectCredentials,
  scopes: readonly string[] = READ,
  from?: string,
) {
  return base.auth.authenticateConnect(credentials, scopes, peer(from));
}

async function refusal(
  promise: Promise<unknown>,
): Promise<{ code: string; openclaw: Record<string, unknown> }> {
  const error = await promise.then(
    () => assert.fail('it was let in'),
    (thrown: unknown) => Object(thrown),
  );
  return { code: error.code, openclaw: error.details.openclaw };
}

function approver(scopes: readonly Scope[] = ['operator.admin'], id = 'local'): Principal {
  return { id, name: id, kind: 'socket', scopes, agents: ['main'], credentialId: `c:${id}` };
}

test('a token without a device gets what was asked for and what it has, and nothing unasked', async () => {
  await using base = await home();
  const grant = await connect(base, { token: base.token }, ['operator.admin']);
  assert.deepEqual(grant.scopes, ['operator.read', 'operator.approvals']);
  assert.deepEqual(grant.principal.scopes, grant.scopes);
  assert.equal(grant.deviceToken, undefined);
  const none = await base.auth.authenticateConnect({ token: base.token }, undefined, peer());
  assert.deepEqual(none.principal.scopes, []);
  assert.deepEqual((await connect(base, { password: base.token })).scopes, READ);
});

test('a valid token with a valid proof pairs the device once, and the device token works with its proof', async () => {
  await using base = await home();
  const { token, device } = base;
  const first = await connect(base, { token, device: device.claim({ secret: token }) });
  assert.equal(first.principal.credentialId, `device:${device.id}`);
  const deviceToken = first.deviceToken ?? assert.fail('no device token');
  const again = await connect(base, { token, device: device.claim({ secret: token }) });
  assert.equal(again.deviceToken, undefined);
  const back = await connect(base, { deviceToken, device: device.claim({ secret: deviceToken }) });
  assert.deepEqual(back.scopes, READ);
  assert.equal(back.principal.id, first.principal.id);
  assert.ok(base.ledger.codes().includes('device.paired'));
  assert.ok(!base.dump().includes(deviceToken));
});

test('a device token in the token field is taken as OpenClaw clients send it', async () => {
  await using base = await home();
  const { token, device } = base;
  const { deviceToken = '' } = await connect(base, { token, device: device.claim({ secret: token }) });
  const claim = device.claim({ secret: deviceToken });
  assert.deepEqual((await connect(base, { token: deviceToken, deviceToken, device: claim })).scopes, READ);
});

test('auth/a device token without its proof, over HTTP, or with the proof of another device: refused', async () => {
  await using base = await home();
  const { token, device } = base;
  const { deviceToken = '' } = await connect(base, { token, device: device.claim({ secret: token }) });
  const other = testDevice(() => base.time.now());
  assert.equal((await refusal(connect(base, { deviceToken }))).code, 'AUTH_DEVICE_PROOF_REQUIRED');
  await assert.rejects(
    base.auth.authenticateToken(deviceToken, peer()),
    failed('AUTH_DEVICE_PROOF_REQUIRED'),
  );
  const stolen = await refusal(connect(base, { deviceToken, device: other.claim({ secret: deviceToken }) }));
  assert.equal(stolen.code, 'AUTH_DEVICE_TOKEN_INVALID');
  assert.equal(stolen.openclaw['code'], 'AUTH_DEVICE_TOKEN_MISMATCH');
});

test('auth/a device token asking for more than it was given: refused', async () => {
  await using base = await home();
  const { token, device } = base;
  const { deviceToken = '' } = await connect(base, { token, device: device.claim({ secret: token }) });
  const claim = device.claim({ secret: deviceToken, scopes: ['operator.approvals'] });
  const { code, openclaw } = await refusal(
    connect(base, { deviceToken, device: claim }, ['operator.approvals']),
  );
  assert.equal(code, 'AUTH_DEVICE_SCOPES_EXCEEDED');
  assert.equal(openclaw['code'], 'AUTH_SCOPE_MISMATCH');
});

test('more scopes with the token are given silently, and only as far as the token goes', async () => {
  await using base = await home();
  const { token, device } = base;
  await connect(base, { token, device: device.claim({ secret: token }) });
  const wanted = ['operator.approvals', 'operator.admin'];
  const grant = await connect(
    base,
    { token, device: device.claim({ secret: token, scopes: wanted }) },
    wanted,
  );
  assert.deepEqual(grant.scopes, ['operator.read', 'operator.approvals']);
  const [paired] = (await base.auth.listDevices()).paired;
  assert.deepEqual(paired?.scopes, ['operator.read', 'operator.approvals']);
});

const WRONG_PROOFS: readonly (readonly [string, (claim: DeviceClaim) => DeviceClaim, string, string])[] = [
  [
    'an id that is not its key',
    (c) => withProof(c, { id: 'f'.repeat(64) }),
    'AUTH_DEVICE_ID_MISMATCH',
    'DEVICE_AUTH_DEVICE_ID_MISMATCH',
  ],
  [
    'a key that is no key',
    (c) => withProof(c, { publicKey: 'AAAA' }),
    'AUTH_DEVICE_KEY_INVALID',
    'DEVICE_AUTH_PUBLIC_KEY_INVALID',
  ],
  [
    'no nonce',
    (c) => withProof(c, { nonce: '' }),
    'AUTH_DEVICE_NONCE_REQUIRED',
    'DEVICE_AUTH_NONCE_REQUIRED',
  ],
  [
    'the nonce of another connection',
    (c) => ({ ...c, challenge: 'nonce-2' }),
    'AUTH_DEVICE_NONCE_MISMATCH',
    'DEVICE_AUTH_NONCE_MISMATCH',
  ],
  [
    'a signature of something else',
    (c) => ({ ...c, clientId: 'openclaw-tui' }),
    'AUTH_DEVICE_SIGNATURE_INVALID',
    'DEVICE_AUTH_SIGNATURE_INVALID',
  ],
  [
    'scopes that were not signed',
    (c) => ({ ...c, scopes: ['operator.admin'] }),
    'AUTH_DEVICE_SIGNATURE_INVALID',
    'DEVICE_AUTH_SIGNATURE_INVALID',
  ],
  [
    'a platform that was not signed',
    (c) => ({ ...c, platform: 'ios' }),
    'AUTH_DEVICE_SIGNATURE_INVALID',
    'DEVICE_AUTH_SIGNATURE_INVALID',
  ],
  [
    'a bar inside a field',
    (c) => ({ ...c, clientMode: 'cli|operator' }),
    'AUTH_DEVICE_SIGNATURE_INVALID',
    'DEVICE_AUTH_SIGNATURE_INVALID',
  ],
  [
    'a signature that is no signature',
    (c) => withProof(c, { signature: '' }),
    'AUTH_DEVICE_SIGNATURE_INVALID',
    'DEVICE_AUTH_SIGNATURE_INVALID',
  ],
];

function withProof(claim: DeviceClaim, proof: Partial<DeviceClaim['proof']>): DeviceClaim {
  return { ...claim, proof: { ...claim.proof, ...proof } };
}

for (const [what, spoil, code, detail] of WRONG_PROOFS) {
  test(`auth/a device proof with ${what}: refused, even with a valid token`, async () => {
    await using base = await home();
    const claim = spoil(base.device.claim({ secret: base.token }));
    const got = await refusal(connect(base, { token: base.token, device: claim }, claim.scopes));
    assert.equal(got.code, code);
    assert.equal(got.openclaw['code'], detail);
    assert.equal(base.ledger.codes().at(-1), code);
    assert.deepEqual((await base.auth.listDevices()).paired, []);
  });
}

test('auth/scopes asked for that differ from the signed ones: refused', async () => {
  await using base = await home();
  const device = base.device.claim({ secret: base.token });
  const got = await refusal(connect(base, { token: base.token, device }, ['operator.approvals']));
  assert.equal(got.code, 'AUTH_DEVICE_SIGNATURE_INVALID');
});

test('auth/a proof signed without the token that comes with it: refused', async () => {
  await using base = await home();
  const got = await refusal(connect(base, { token: base.token, device: base.device.claim() }));
  assert.equal(got.code, 'AUTH_DEVICE_SIGNATURE_INVALID');
});

test('a signature is good for two minutes of clock difference and not a millisecond more', async () => {
  await using base = await home();
  const { token, device, time } = base;
  for (const skew of [-MAX_SIGNATURE_SKEW_MS, MAX_SIGNATURE_SKEW_MS]) {
    await connect(base, { token, device: device.claim({ secret: token, signedAt: time.now() + skew }) });
    const past = device.claim({ secret: token, signedAt: time.now() + skew + Math.sign(skew) });
    assert.equal(
      (await refusal(connect(base, { token, device: past }))).code,
      'AUTH_DEVICE_SIGNATURE_EXPIRED',
    );
  }
});

test('a v2 signature, which covers no platform, is taken too', async () => {
  await using base = await home();
  const device = base.device.claim({ secret: base.token, version: 'v2' });
  assert.deepEqual((await connect(base, { token: base.token, device })).scopes, READ);
});

test('auth/nothing at all: refused as a missing device identity', async () => {
  await using base = await home();
  const { code, openclaw } = await refusal(connect(base, {}));
  assert.equal(code, 'AUTH_DEVICE_REQUIRED');
  assert.deepEqual(openclaw, { code: 'DEVICE_IDENTITY_REQUIRED' });
});

test('a wrong token tells a client with a device that its device token may help', async () => {
  await using base = await home();
  const bare = await refusal(connect(base, { token: 'wrong' }));
  assert.equal(bare.openclaw['recommendedNextStep'], 'update_auth_credentials');
  const device = base.device.claim({ secret: 'wrong' });
  const { openclaw } = await refusal(connect(base, { token: 'wrong', device }));
  assert.equal(openclaw['code'], 'AUTH_TOKEN_MISMATCH');
  assert.equal(openclaw['canRetryWithDeviceToken'], true);
});

test('a device that nobody vouches for waits, keeps its request, and gets in after approval', async () => {
  await using base = await home();
  const { auth, device } = base;
  const announced: string[] = [];
  auth.onDeviceRequest((request) => announced.push(request.requestId));
  const first = await refusal(connect(base, { device: device.claim() }));
  assert.equal(first.code, 'AUTH_PAIRING_REQUIRED');
  assert.equal(first.openclaw['reason'], 'not-paired');
  const again = await refusal(connect(base, { device: device.claim() }));
  assert.equal(again.openclaw['requestId'], first.openclaw['requestId']);
  assert.deepEqual(announced, [first.openclaw['requestId']]);
  const approved = await auth.approveDevice(String(first.openclaw['requestId']), approver());
  assert.equal(approved.principal, `device:${device.id}`);
  const grant = await connect(base, { device: device.claim() });
  assert.deepEqual(grant.principal.agents, ['main']);
  assert.ok(grant.deviceToken);
  assert.equal((await connect(base, { device: device.claim() })).deviceToken, undefined);
});

test('asking for something else replaces the request, so that nobody approves what they did not see', async () => {
  await using base = await home();
  const first = await refusal(connect(base, { device: base.device.claim() }));
  const wider = base.device.claim({ scopes: ['operator.admin'] });
  const second = await refusal(connect(base, { device: wider }, ['operator.admin']));
  assert.notEqual(second.openclaw['requestId'], first.openclaw['requestId']);
  const approval = base.auth.approveDevice(String(first.openclaw['requestId']), approver());
  await assert.rejects(approval, failed('AUTH_PAIRING_UNKNOWN'));
});

test('auth/a paired device that wants more, another role or another platform: waits', async () => {
  await using base = await home();
  const { auth, device } = base;
  const { openclaw } = await refusal(connect(base, { device: device.claim() }));
  await auth.approveDevice(String(openclaw['requestId']), approver());
  const cases = [
    [{ scopes: ['operator.admin'] }, 'scope-upgrade'],
    [{ role: 'node' }, 'role-upgrade'],
    [{ platform: 'iOS' }, 'metadata-upgrade'],
  ] as const;
  for (const [change, reason] of cases) {
    const claim = device.claim(change);
    assert.equal((await refusal(connect(base, { device: claim }, claim.scopes))).openclaw['reason'], reason);
  }
  assert.deepEqual((await connect(base, { device: device.claim() })).scopes, READ);
});

test('auth/another platform waits even with a valid token, and a node always does', async () => {
  await using base = await home();
  const { token, device } = base;
  await connect(base, { token, device: device.claim({ secret: token }) });
  const moved = device.claim({ secret: token, platform: 'darwin' });
  assert.equal(
    (await refusal(connect(base, { token, device: moved }))).openclaw['reason'],
    'metadata-upgrade',
  );
  const node = testDevice(() => base.time.now()).claim({ secret: token, role: 'node' });
  assert.equal((await refusal(connect(base, { token, device: node }))).openclaw['reason'], 'not-paired');
});

test('auth/approving more than one has, or the device of one own: refused', async () => {
  await using base = await home();
  const { auth, token, device } = base;
  const wide = testDevice(() => base.time.now()).claim({ scopes: ['operator.admin'] });
  const asked = await refusal(connect(base, { device: wide }, ['operator.admin']));
  const small = approver(['operator.read', 'operator.pairing'], 'helper');
  const grab = auth.approveDevice(String(asked.openclaw['requestId']), small);
  await assert.rejects(grab, failed('AUTH_APPROVER_SCOPES'));
  const { principal } = await connect(base, { token, device: device.claim({ secret: token }) });
  const moved = device.claim({ secret: token, platform: 'darwin' });
  const own = await refusal(connect(base, { token, device: moved }));
  const self = auth.approveDevice(String(own.openclaw['requestId']), {
    ...principal,
    scopes: ['operator.admin'],
  });
  await assert.rejects(self, failed('AUTH_PAIRING_SELF'));
  await auth.approveDevice(String(own.openclaw['requestId']), approver());
  await connect(base, { token, device: moved });
});

test('auth/revoking a token ends the devices that it paired', async () => {
  await using base = await home();
  const { auth, token, device } = base;
  const { deviceToken = '' } = await connect(base, { token, device: device.claim({ secret: token }) });
  const ended: string[] = [];
  auth.onRevoked((id) => ended.push(id));
  await auth.revokeToken('phone');
  assert.deepEqual(ended, [base.summary.id, `device:${device.id}`]);
  const { code } = await refusal(
    connect(base, { deviceToken, device: device.claim({ secret: deviceToken }) }),
  );
  assert.equal(code, 'AUTH_TOKEN_REVOKED');
});

test('auth/a device cannot outlive the expiry of the token that paired it', async () => {
  await using base = await home();
  const expiresAt = base.time.now() + 10_000;
  const { token } = await base.auth.issueToken({ name: 'short', scopes: ['operator.read'], expiresAt });
  const { deviceToken = '' } = await connect(base, { token, device: base.device.claim({ secret: token }) });
  base.time.advance(10_000);
  const device = base.device.claim({ secret: deviceToken });
  assert.equal((await refusal(connect(base, { deviceToken, device }))).code, 'AUTH_TOKEN_EXPIRED');
});

test('auth/a removed device: its token is dead and its connections are announced', async () => {
  await using base = await home();
  const { auth, token, device } = base;
  const { deviceToken = '' } = await connect(base, { token, device: device.claim({ secret: token }) });
  const ended: string[] = [];
  auth.onRevoked((id, reason) => ended.push(`${id} ${reason}`));
  await auth.removeDevice(device.id);
  assert.deepEqual(ended, [`device:${device.id} removed`]);
  const back = connect(base, { deviceToken, device: device.claim({ secret: deviceToken }) });
  assert.equal((await refusal(back)).code, 'AUTH_TOKEN_REVOKED');
  await assert.rejects(auth.removeDevice(device.id), failed('AUTH_DEVICE_UNKNOWN'));
});

test('waiting devices are bounded per address and in total, and gone after an hour', async () => {
  await using base = await home();
  const ask = (from: string) =>
    refusal(connect(base, { device: testDevice(() => base.time.now()).claim() }, READ, from));
  for (let i = 0; i < MAX_PENDING_PER_ADDRESS; i++)
    assert.equal((await ask('192.0.2.1')).code, 'AUTH_PAIRING_REQUIRED');
  assert.equal((await ask('192.0.2.1')).code, 'AUTH_PAIRING_FULL');
  const most = MAX_PENDING_TOTAL - KEPT_FOR_KNOWN;
  for (let i = MAX_PENDING_PER_ADDRESS; i < most; i++) await ask(`198.51.100.${i}`);
  assert.equal((await ask('203.0.113.1')).code, 'AUTH_PAIRING_FULL');
  assert.equal((await base.auth.listDevices()).pending.length, most);
  base.time.advance(PENDING_TTL_MS);
  assert.deepEqual((await base.auth.listDevices()).pending, []);
});

test('strangers of this machine keep the next one from pairing for five minutes at most', async () => {
  await using base = await home();
  const ask = () => refusal(connect(base, { device: testDevice(() => base.time.now()).claim() }, READ));
  for (let i = 0; i < MAX_PENDING_PER_ADDRESS; i++) await ask();
  const [first] = (await base.auth.listDevices()).pending;
  base.time.advance(STRANGER_KEEPS_MS - 1);
  assert.equal((await ask()).code, 'AUTH_PAIRING_FULL');
  base.time.advance(1);
  assert.equal((await ask()).code, 'AUTH_PAIRING_REQUIRED');
  const { pending } = await base.auth.listDevices();
  assert.equal(pending.length, MAX_PENDING_PER_ADDRESS);
  assert.ok(pending.every(({ requestId }) => requestId !== first?.requestId));
});

test('auth/more devices at the same moment than one address may have waiting: refused like one after the other', async () => {
  await using base = await home();
  const asked = Array.from({ length: 4 * MAX_PENDING_PER_ADDRESS }, () =>
    refusal(connect(base, { device: testDevice(() => base.time.now()).claim() }, READ, '192.0.2.1')),
  );
  const codes = (await Promise.all(asked)).map(({ code }) => code);
  assert.equal(codes.filter((code) => code === 'AUTH_PAIRING_FULL').length, 3 * MAX_PENDING_PER_ADDRESS);
  assert.equal((await base.auth.listDevices()).pending.length, MAX_PENDING_PER_ADDRESS);
});

test('bad proofs of made-up devices lock out made-up devices only', async () => {
  await using base = await home();
  const { token, device } = base;
  await connect(base, { token, device: device.claim({ secret: token }) });
  for (let i = 0; i < 12; i++) {
    const claim = testDevice(() => base.time.now()).claim({ challenge: 'x' });
    await connect(base, { device: { ...claim, challenge: 'y' } }).catch(() => {});
  }
  const stranger = testDevice(() => base.time.now()).claim();
  assert.equal((await refusal(connect(base, { device: stranger }))).code, 'AUTH_RATE_LIMITED');
  assert.deepEqual((await connect(base, { token, device: device.claim({ secret: token }) })).scopes, READ);
});

test('what an operator is shown of a device cannot hide or reorder text', async () => {
  await using base = await home();
  const claim = { ...base.device.claim(), displayName: `pay\u202Eroll\u200B\n\u001b[31m${'x'.repeat(100)}` };
  await refusal(connect(base, { device: claim }));
  const [pending] = (await base.auth.listDevices()).pending;
  assert.match(pending?.displayName ?? '', /^pay roll \[31mx+$/);
  assert.equal(pending?.displayName.length, 64);
});

test('auth/an unknown role: refused', async () => {
  await using base = await home();
  assert.equal(
    (await refusal(connect(base, { device: base.device.claim({ role: 'root' }) }))).code,
    'AUTH_ROLE_UNKNOWN',
  );
});
