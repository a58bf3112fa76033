import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createDevice, signText } from '../fixtures/device.ts';
import { ledgerOf, startGateway, type TestGateway } from '../fixtures/gateway.ts';
import {
  connectOpenClaw,
  connectRefused,
  type OpenClawClient,
  type Payload,
} from '../fixtures/openclaw-client.ts';

const READ = ['operator.read'];

type Tokens = Map<string, { readonly token: string; readonly scopes: string[] }>;

describe('devices of the published OpenClaw client', () => {
  let gateway: TestGateway;
  let operator: OpenClawClient;
  let token = '';

  before(async () => {
    gateway = await startGateway();
    token = gateway.firstToken ?? '';
    operator = await connectOpenClaw(gateway.url, { token });
  });

  after(async () => {
    await operator[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  const codes = async () => (await ledgerOf(gateway)).map(({ code }) => code);

  test('a device that proves its key with a token gets a token of its own, and comes back with it', async () => {
    const device = createDevice();
    const tokens: Tokens = new Map();
    {
      await using first = await connectOpenClaw(gateway.url, { token, device, tokens, scopes: READ });
      assert.match(String(first.hello.auth?.deviceToken), /^gth_/);
    }
    const stored = tokens.get(`${device.deviceId} operator`);
    assert.deepEqual(stored?.scopes, READ);
    await using again = await connectOpenClaw(gateway.url, { device, tokens, scopes: READ });
    assert.deepEqual(again.hello.auth?.scopes, READ);
    const { paired } = await operator.request<{ paired: readonly Payload[] }>('device.pair.list');
    assert.ok(paired.some(({ deviceId }) => deviceId === device.deviceId));
    assert.ok(!JSON.stringify(paired).includes(String(stored?.token)));
  });

  test('auth/a device token without the proof of its device: refused', async () => {
    const device = createDevice();
    const tokens: Tokens = new Map();
    await (await connectOpenClaw(gateway.url, { token, device, tokens, scopes: READ }))[
      Symbol.asyncDispose
    ]();
    const stolen = tokens.get(`${device.deviceId} operator`)?.token ?? '';
    const error = await connectRefused(gateway.url, { token: stolen, scopes: READ });
    assert.equal(error.details?.['code'], 'AUTH_DEVICE_TOKEN_MISMATCH');
    assert.match(error.message, /device token/);
    assert.ok((await codes()).includes('AUTH_DEVICE_PROOF_REQUIRED'));
  });

  const WRONG: readonly (readonly [string, (key: string) => (text: string) => string, string])[] = [
    [
      'a signature over something else',
      (key) => () => signText(key, 'something else'),
      'AUTH_SIGNATURE_INVALID',
    ],
    ['no real signature', () => () => Buffer.alloc(64).toString('base64url'), 'AUTH_SIGNATURE_INVALID'],
  ];
  for (const [name, signer, code] of WRONG) {
    test(`auth/a device with ${name}: refused`, async () => {
      const device = createDevice();
      const signDevice = signer(device.privateKeyPem);
      const error = await connectRefused(gateway.url, { token, device, signDevice, scopes: READ });
      assert.equal(error.details?.['code'], `DEVICE_${code}`);
      assert.ok((await codes()).includes('AUTH_DEVICE_SIGNATURE_INVALID'));
      const { paired } = await operator.request<{ paired: readonly Payload[] }>('device.pair.list');
      assert.ok(!paired.some(({ deviceId }) => deviceId === device.deviceId));
    });
  }

  test('a device without a token waits until an operator approves it', async () => {
    const device = createDevice();
    const error = await connectRefused(gateway.url, { device, scopes: READ });
    assert.equal(error.gatewayCode, 'NOT_PAIRED');
    const { code, requestId, reason } = error.details ?? {};
    assert.deepEqual([code, reason], ['PAIRING_REQUIRED', 'not-paired']);
    const asked = await operator.event(
      'device.pair.requested',
      (payload) => payload['requestId'] === requestId,
    );
    assert.equal(asked['deviceId'], device.deviceId);
    const { pending } = await operator.request<{ pending: readonly Payload[] }>('device.pair.list');
    assert.deepEqual(
      pending.map((row) => row['requestId']),
      [requestId],
    );
    const approved = await operator.request('device.pair.approve', { requestId });
    assert.equal((approved['device'] as Payload)['deviceId'], device.deviceId);
    const resolved = await operator.event(
      'device.pair.resolved',
      (payload) => payload['requestId'] === requestId,
    );
    assert.equal(resolved['decision'], 'approved');
    await using client = await connectOpenClaw(gateway.url, { device, scopes: READ });
    assert.deepEqual(client.hello.auth?.scopes, READ);
  });

  test('auth/a device that an operator turned down: refused', async () => {
    const device = createDevice();
    const error = await connectRefused(gateway.url, { device, scopes: READ });
    const { requestId } = error.details ?? {};
    const rejected = await operator.request('device.pair.reject', { requestId });
    assert.deepEqual(rejected, { requestId, deviceId: device.deviceId });
    const gone = await operator.refusal('device.pair.approve', { requestId });
    assert.equal(gone.gatewayCode, 'INVALID_REQUEST');
    const { paired } = await operator.request<{ paired: readonly Payload[] }>('device.pair.list');
    assert.ok(!paired.some(({ deviceId }) => deviceId === device.deviceId));
  });

  test('removing a device closes its connection with 4001 within a second', async () => {
    const device = createDevice();
    await using client = await connectOpenClaw(gateway.url, {
      token,
      device,
      tokens: new Map(),
      scopes: READ,
    });
    const started = performance.now();
    await operator.request('device.pair.remove', { deviceId: device.deviceId });
    assert.equal((await client.closed()).code, 4001);
    assert.ok(performance.now() - started < 1_000);
  });

  test('revoking a token closes its connections with 4001 within a second, and lets nobody back in', async () => {
    const doomed = await gateway.issueToken('doomed', READ);
    await using client = await connectOpenClaw(gateway.url, { token: doomed, scopes: READ });
    const started = performance.now();
    await operator.request('gatehouse.token.revoke', { token: 'doomed' });
    assert.equal((await client.closed()).code, 4001);
    assert.ok(performance.now() - started < 1_000);
    const error = await connectRefused(gateway.url, { token: doomed, scopes: READ });
    assert.equal(error.details?.['code'], 'AUTH_TOKEN_MISMATCH');
    assert.ok((await codes()).includes('AUTH_TOKEN_REVOKED'));
  });
});

describe('a gateway that goes away', () => {
  test('says shutdown, closes with 1012, and the client comes back to the next one by itself', async () => {
    const home = await startGateway();
    const { port } = home;
    await using client = await connectOpenClaw(home.url, { token: home.firstToken ?? '' });
    await home.stop();
    const shutdown = await client.event('shutdown');
    assert.equal(shutdown['reason'], 'SIGTERM');
    assert.equal((await client.closed()).code, 1012);
    await using next = await startGateway({ home: home.home, env: { GATEHOUSE_PORT: String(port) } });
    await client.connected(2);
    assert.equal((await client.request('health'))['ok'], true);
    assert.equal(next.port, port);
    await next.stop();
    await home[Symbol.asyncDispose]();
  });
});
