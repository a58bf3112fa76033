import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createDevice, signText, type TestDevice } from '../fixtures/device.ts';
import { ledgerOf, startGateway, type TestGateway } from '../fixtures/gateway.ts';
import {
  connectParams,
  type Frame,
  openSocket,
  type RawSocket,
  refusedUpgrade,
} from '../fixtures/raw-websocket.ts';

const PRE_AUTH_BYTES = 64 * 1024;

/** A connect request of exactly so many bytes; the padding is a field that the gateway ignores. */
function connectOf(bytes: number, token: string): string {
  const frame = (pathEnv: string) =>
    JSON.stringify({ type: 'req', id: 'big', method: 'connect', params: connectParams(token, { pathEnv }) });
  return frame('x'.repeat(bytes - Buffer.byteLength(frame(''))));
}

describe('the WebSocket surface of a real gateway', () => {
  let gateway: TestGateway;
  let operator: RawSocket;
  let token = '';

  before(async () => {
    gateway = await startGateway();
    token = gateway.firstToken ?? '';
    operator = await openSocket(gateway.url);
    await operator.connect(connectParams(token));
  });

  after(async () => {
    assert.deepEqual(operator.problems, []);
    await operator[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  /** The refusal is in the ledger, and it started nothing. */
  async function nothingHappened(code: string): Promise<void> {
    const records = await ledgerOf(gateway);
    assert.ok(
      records.some(
        (record) => record['code'] === code && ['failure', 'deny'].includes(String(record['outcome'])),
      ),
      `${code} is not in the ledger: ${JSON.stringify(records.map((record) => record['code']))}`,
    );
    const sessions = await operator.ask('sessions.list');
    assert.equal(sessions.payload?.['count'], 0);
  }

  const SEND = { sessionKey: 'main', message: 'Do it.', idempotencyKey: 'never' };

  /** Connect with what must be refused, ask for something at once, and look at what comes back. */
  async function refusedConnect(params: object) {
    await using socket = await openSocket(gateway.url);
    await socket.nonce();
    const answer = await socket.connect(params as Readonly<Record<string, unknown>>);
    const closed = await socket.closed();
    assert.equal(answer.ok, false);
    assert.deepEqual(socket.problems, []);
    return { answer, closed, details: answer.error?.details ?? {} };
  }

  /** What happens to a first frame that gets no answer. */
  async function firstFrame(data: unknown) {
    await using socket = await openSocket(gateway.url);
    await socket.nonce();
    socket.send(data);
    const closed = await socket.closed();
    return { closed, answers: socket.frames.filter(({ type }) => type === 'res') };
  }

  describe('before hello', () => {
    test('auth/a connect without any credential: refused', async () => {
      const { answer, closed, details } = await refusedConnect(connectParams('', { auth: {} }));
      assert.equal(answer.error?.code, 'NOT_PAIRED');
      assert.equal(details['code'], 'DEVICE_IDENTITY_REQUIRED');
      assert.equal(closed.code, 1008);
      await nothingHappened('AUTH_DEVICE_REQUIRED');
    });

    test('auth/a token that does not exist: refused', async () => {
      const { answer, closed, details } = await refusedConnect(connectParams(`${token.slice(0, -6)}xxxxxx`));
      assert.equal(answer.error?.code, 'INVALID_REQUEST');
      assert.equal(details['code'], 'AUTH_TOKEN_MISMATCH');
      assert.equal(details['canRetryWithDeviceToken'], false);
      assert.equal(closed.code, 1008);
      await nothingHappened('AUTH_TOKEN_INVALID');
    });

    test('auth/a password that is no token: refused', async () => {
      const { details, closed } = await refusedConnect(connectParams('', { auth: { password: 'hunter2' } }));
      assert.equal(details['code'], 'AUTH_PASSWORD_MISMATCH');
      assert.equal(closed.code, 1008);
      await nothingHappened('AUTH_TOKEN_INVALID');
    });

    test('a connect of exactly 64 KiB is read', async () => {
      await using socket = await openSocket(gateway.url);
      socket.send(connectOf(PRE_AUTH_BYTES, token));
      const answer = await socket.until(({ id }) => id === 'big');
      assert.equal(answer.ok, true);
    });

    test('listen/a first frame of one byte more than 64 KiB: refused', async () => {
      const { closed, answers } = await firstFrame(connectOf(PRE_AUTH_BYTES + 1, token));
      assert.deepEqual([closed.code, answers], [1009, []]);
      await nothingHappened('WS_FRAME_TOO_LARGE');
    });

    test('listen/a first frame of a megabyte: refused', async () => {
      const { closed, answers } = await firstFrame(connectOf(1024 * 1024, token));
      assert.deepEqual([closed.code, answers], [1009, []]);
      await nothingHappened('WS_FRAME_TOO_LARGE');
    });

    test('listen/a binary first frame: refused', async () => {
      const { closed, answers } = await firstFrame(Buffer.from(connectOf(1024, token)));
      assert.deepEqual([closed.code, answers], [1008, []]);
      await nothingHappened('WS_FRAME_BINARY');
    });

    test('listen/a first frame that is not JSON: refused', async () => {
      const { closed, answers } = await firstFrame('GET / HTTP/1.1');
      assert.deepEqual([closed, answers], [{ code: 1000, reason: '' }, []]);
      await nothingHappened('WS_FRAME_NOT_JSON');
    });

    for (const frame of [
      [],
      'text',
      { type: 'event', event: 'chat' },
      { type: 'req', id: 7, method: 'connect' },
      { type: 'req', id: '', method: 'connect' },
      { type: 'req', id: '1', method: 'connect', params: [] },
      { type: 'req', id: '1'.repeat(257), method: 'connect' },
    ]) {
      test(`listen/the first frame ${JSON.stringify(frame).slice(0, 60)}: refused`, async () => {
        const { closed, answers } = await firstFrame(JSON.stringify(frame));
        assert.deepEqual([closed.code, answers], [1008, []]);
        await nothingHappened('WS_FRAME_INVALID');
      });
    }

    test('listen/another request before connect: refused', async () => {
      await using socket = await openSocket(gateway.url);
      const answer = await socket.ask('chat.send', SEND);
      assert.equal(answer.error?.code, 'INVALID_REQUEST');
      assert.equal((await socket.closed()).code, 1008);
      await nothingHappened('WS_CONNECT_FIRST');
    });

    for (const [minProtocol, maxProtocol] of [
      [1, 3],
      [5, 6],
    ]) {
      test(`listen/a client that speaks protocols ${minProtocol} to ${maxProtocol}: refused`, async () => {
        const { answer, closed, details } = await refusedConnect(
          connectParams(token, { minProtocol, maxProtocol }),
        );
        assert.equal(answer.error?.code, 'INVALID_REQUEST');
        const { gatehouse: _ours, ...theirs } = details;
        assert.deepEqual(theirs, {
          code: 'PROTOCOL_MISMATCH',
          clientMinProtocol: minProtocol,
          clientMaxProtocol: maxProtocol,
          expectedProtocol: 4,
          minimumProbeProtocol: 3,
        });
        assert.equal(closed.code, 1002);
        await nothingHappened('WS_PROTOCOL_MISMATCH');
      });
    }

    for (const [name, more] of [
      ['client', { client: undefined }],
      ['client.id', { client: { version: '1', platform: 'linux', mode: 'cli' } }],
      ['role', { role: 'admin' }],
      ['scopes', { scopes: 'operator.admin' }],
      ['scopes', { scopes: Array.from({ length: 65 }, () => 'operator.read') }],
      ['auth.token', { auth: { token: 'x'.repeat(8_193) } }],
      ['device', { device: 'mine' }],
      ['device.publicKey', { device: { id: 'x', signature: 'y', signedAt: 1, nonce: 'z' } }],
      ['minProtocol', { minProtocol: '4' }],
    ] as const) {
      test(`listen/connect with a wrong ${name} (${JSON.stringify(more).slice(0, 40)}): refused`, async () => {
        const { answer, closed } = await refusedConnect(connectParams(token, more));
        assert.match(answer.error?.message ?? '', new RegExp(`^invalid connect params: ${name}$`));
        assert.equal(closed.code, 1008);
        await nothingHappened('WS_PARAMS_INVALID');
      });
    }

    test('auth/a node that proves no device, whatever its token: refused', async () => {
      const { details, closed } = await refusedConnect(connectParams(token, { role: 'node' }));
      assert.equal(details['code'], 'DEVICE_IDENTITY_REQUIRED');
      assert.equal(closed.code, 1008);
      await nothingHappened('AUTH_DEVICE_REQUIRED');
    });

    test('compression that a client offers is not taken', () => {
      assert.equal(operator.extensions, '');
    });
  });

  describe('device proofs', () => {
    const SCOPES = ['operator.read'];

    function proof(
      device: TestDevice,
      nonce: string,
      change: { v?: 2 | 3; signedAt?: number; id?: string } = {},
    ) {
      const { v = 3, signedAt = Date.now(), id = device.deviceId } = change;
      const fields = [id, 'gateway-client', 'backend', 'operator', SCOPES.join(','), signedAt, token, nonce];
      const text = v === 3 ? ['v3', ...fields, 'linux', ''] : ['v2', ...fields];
      const signature = signText(device.privateKeyPem, text.join('|'));
      return { id, publicKey: device.publicKey, signature, signedAt, nonce };
    }

    for (const v of [2, 3] as const) {
      test(`version ${v} of the signed text is accepted`, async () => {
        await using socket = await openSocket(gateway.url);
        const device = proof(createDevice(), await socket.nonce(), { v });
        const answer = await socket.connect(connectParams(token, { scopes: SCOPES, device }));
        assert.equal(answer.ok, true);
        assert.deepEqual(socket.problems, []);
      });
    }

    const CASES: readonly (readonly [
      what: string,
      code: string,
      device: (device: TestDevice, nonce: string) => object,
    ])[] = [
      ['the nonce of another connection', 'NONCE_MISMATCH', (device) => proof(device, crypto.randomUUID())],
      ['no nonce', 'NONCE_REQUIRED', (device) => proof(device, '')],
      [
        'a signature three minutes old',
        'SIGNATURE_EXPIRED',
        (device, nonce) => proof(device, nonce, { signedAt: Date.now() - 180_000 }),
      ],
      [
        'the id of another device',
        'DEVICE_ID_MISMATCH',
        (device, nonce) => proof(device, nonce, { id: 'a'.repeat(64) }),
      ],
      [
        'a signature by another key',
        'SIGNATURE_INVALID',
        (device, nonce) => ({
          ...proof(createDevice(), nonce),
          id: device.deviceId,
          publicKey: device.publicKey,
        }),
      ],
      [
        'a key that is none',
        'PUBLIC_KEY_INVALID',
        (device, nonce) => ({ ...proof(device, nonce), publicKey: 'AAAA' }),
      ],
    ];
    for (const [what, code, deviceOf] of CASES) {
      test(`auth/a device proof with ${what}: refused`, async () => {
        await using socket = await openSocket(gateway.url);
        const device = createDevice();
        const params = connectParams(token, {
          scopes: SCOPES,
          device: deviceOf(device, await socket.nonce()),
        });
        const answer = await socket.connect(params);
        assert.equal(answer.error?.details?.['code'], `DEVICE_AUTH_${code}`);
        assert.match(String(answer.error?.details?.['reason']), /^device-/);
        assert.equal((await socket.closed()).code, 1008);
        const ours = answer.error?.details?.['gatehouse'] as { readonly code: string };
        await nothingHappened(ours.code);
        const { payload } = await operator.ask('device.pair.list');
        assert.ok(!JSON.stringify(payload).includes(device.deviceId));
      });
    }
  });

  describe('at the upgrade', () => {
    const CASES: readonly (readonly [string, Record<string, string>, string, number, string])[] = [
      ['a foreign Host', { host: 'evil.example' }, '/', 403, 'LISTEN_HOST_NOT_ALLOWED'],
      [
        'a Host that only starts like ours',
        { host: '127.0.0.1.evil.example' },
        '/',
        403,
        'LISTEN_HOST_NOT_ALLOWED',
      ],
      ['a foreign Origin', { origin: 'https://evil.example' }, '/', 403, 'LISTEN_ORIGIN_NOT_ALLOWED'],
      ['the Origin null', { origin: 'null' }, '/', 403, 'LISTEN_ORIGIN_NOT_ALLOWED'],
      ['an Origin on another port', { origin: 'http://127.0.0.1:1' }, '/', 403, 'LISTEN_ORIGIN_NOT_ALLOWED'],
      ['a page of another site', { 'sec-fetch-site': 'cross-site' }, '/', 403, 'LISTEN_ORIGIN_NOT_ALLOWED'],
      ['a made-up X-Forwarded-For', { 'x-forwarded-for': '10.0.0.1' }, '/', 403, 'LISTEN_PROXY_NOT_TRUSTED'],
      ['a made-up Forwarded', { forwarded: 'for=127.0.0.1' }, '/', 403, 'LISTEN_PROXY_NOT_TRUSTED'],
      ['a token in the URL', {}, '/?token=abc', 400, 'LISTEN_TOKEN_IN_URL'],
    ];
    for (const [name, headers, path, status, code] of CASES) {
      test(`listen/an upgrade with ${name}: refused`, async () => {
        const refused = await refusedUpgrade(gateway.url, headers, path);
        assert.equal(refused.status, status);
        assert.equal(refused.body['error']?.['code'], code);
        await nothingHappened(code);
      });
    }

    test('our own origin is let through', async () => {
      await using socket = await openSocket(gateway.url, { origin: gateway.url });
      assert.equal((await socket.connect(connectParams(token))).ok, true);
    });
  });

  describe('after hello', () => {
    async function connected(scopes: readonly string[]): Promise<RawSocket> {
      const socket = await openSocket(gateway.url);
      const hello = await socket.connect(connectParams(token, { scopes }));
      assert.equal(hello.ok, true);
      return socket;
    }

    const scopeError = (scope: string) => ({
      code: 'FORBIDDEN',
      message: `missing scope: ${scope}`,
      details: { code: 'MISSING_SCOPE', missingScope: scope, requiredScopes: [scope] },
    });

    test('auth/a method whose scope the connection lacks: refused', async () => {
      await using socket = await connected(['operator.read']);
      const answer = await socket.ask('chat.send', SEND);
      assert.deepEqual(answer.error, scopeError('operator.write'));
      assert.deepEqual((await socket.ask('gatehouse.chat.send', SEND)).error, scopeError('operator.write'));
      assert.deepEqual((await socket.ask('question.list')).error, scopeError('operator.questions'));
      assert.deepEqual(socket.problems, []);
      await nothingHappened('AUTH_SCOPE_MISSING');
    });

    test('a connection that asked for no scope learns that a gateway answers, and nothing else', async () => {
      await using socket = await connected([]);
      const health = await socket.ask('health');
      assert.deepEqual(Object.keys(health.payload ?? {}).sort(), ['durationMs', 'ok', 'ts']);
      assert.deepEqual((await socket.ask('status')).error, scopeError('operator.read'));
    });

    test('auth/a method that does not exist, asked by anybody but an administrator: refused', async () => {
      await using socket = await connected(['operator.write']);
      assert.deepEqual((await socket.ask('no.such.method')).error, scopeError('operator.admin'));
      const answer = await operator.ask('no.such.method');
      assert.equal(answer.error?.code, 'INVALID_REQUEST');
      assert.equal(answer.error?.message, 'unknown method: no.such.method');
      await nothingHappened('WS_METHOD_UNKNOWN');
    });

    test('auth/a second connect: refused, and the connection stays what it was', async () => {
      await using socket = await connected(['operator.read']);
      const answer = await socket.ask('connect', connectParams(token));
      assert.equal(answer.error?.code, 'INVALID_REQUEST');
      assert.deepEqual((await socket.ask('chat.send', SEND)).error, scopeError('operator.write'));
      assert.equal((await socket.ask('status')).ok, true);
      await nothingHappened('WS_CONNECT_REPEATED');
    });

    test('a frame that is no request is answered with its id, and the connection stays', async () => {
      await using socket = await connected(['operator.read']);
      for (const broken of ['not json', '[]', '{"type":"req","id":"broken","params":{}}'])
        socket.send(broken);
      const answer = await socket.until(({ id }) => id === 'broken');
      assert.equal(answer.error?.code, 'INVALID_REQUEST');
      assert.equal((await socket.ask('status', null)).ok, true);
      assert.deepEqual(socket.problems, []);
      await nothingHappened('WS_FRAME_INVALID');
    });

    test('wrong parameters are named', async () => {
      const missing = await operator.ask('chat.send', { sessionKey: 'main', idempotencyKey: 'never' });
      assert.match(missing.error?.message ?? '', /^invalid chat\.send params: message/);
      const native = await operator.ask('gatehouse.chat.send', { sessionKey: 'main', message: 7 });
      assert.match(native.error?.message ?? '', /^invalid gatehouse\.chat\.send params: .*message/);
      const key = await operator.ask('chat.send', { ...SEND, sessionKey: 'agent:../../etc:x' });
      assert.equal(key.error?.code, 'INVALID_REQUEST');
    });

    test('the response comes before the events of what it started, and numbers have no holes', async () => {
      await using socket = await connected(['operator.write']);
      const params = { sessionKey: 'order', message: 'hello', idempotencyKey: 'run-order' };
      await socket.ask('agent', params, 2);
      const own = socket.frames.filter(
        ({ type, payload }) => type === 'res' || payload?.['runId'] === 'run-order',
      );
      const response = own.findIndex(({ payload }) => payload?.['status'] === 'accepted');
      const first = own.findIndex(({ type }) => type === 'event');
      assert.ok(response >= 0 && response < first, `response at ${response}, first event at ${first}`);
      const events = socket.frames.filter(
        ({ type, event }) => type === 'event' && event !== 'connect.challenge',
      );
      assert.deepEqual(
        events.map(({ seq }) => seq),
        events.map((_event: Frame, index) => index + 1),
      );
      assert.ok(events.length > 5);
      assert.deepEqual(socket.problems, []);
      await operator.ask('sessions.delete', { key: 'order' });
    });
  });
});
