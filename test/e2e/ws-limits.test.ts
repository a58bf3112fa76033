import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { test } from 'node:test';
import type { TurnEvent } from '../../src/agents/types.ts';
import { type ConnectGrant, type Principal, principalLayer, SCOPES } from '../../src/controls/auth/index.ts';
import { Receiving } from '../../src/controls/listen/index.ts';
import { authorityOf, type LedgerEvent } from '../../src/kernel/index.ts';
import type { Dispatcher } from '../../src/operations/define.ts';
import { createWsSurface, type WsLimits } from '../../src/surfaces/ws/index.ts';
import { connectParams, openSocket, type RawSocket } from '../fixtures/raw-websocket.ts';

const ADMIN: Principal = {
  id: 'admin',
  name: 'admin',
  kind: 'token',
  scopes: SCOPES,
  agents: ['*'],
  credentialId: 'token:admin',
};
const GRANT: ConnectGrant = { principal: ADMIN, role: 'operator', scopes: SCOPES };
const PEER = { address: '127.0.0.1', userAgent: '', surface: 'http' } as const;

interface Setup {
  readonly limits?: Partial<WsLimits>;
  readonly authenticate?: () => Promise<ConnectGrant>;
  readonly call?: Dispatcher['call'];
  /** Whether there is a place for one more connection of the principal. */
  readonly place?: () => boolean;
  readonly rate?: () => number;
  readonly receiving?: Receiving;
}

/** The surface alone on a loopback server, with bounds small enough to reach. */
async function surface(setup: Setup) {
  const {
    limits = {},
    authenticate = async () => GRANT,
    call = async () => ({}),
    place = () => true,
  } = setup;
  const refused: string[] = [];
  const denied: LedgerEvent[] = [];
  let emit: (event: TurnEvent) => void = () => undefined;
  let revoke: (credential: string, reason: string) => void = () => undefined;
  let authenticated = 0;
  const ws = createWsSurface({
    dispatcher: { operations: [], call },
    auth: {
      authenticateConnect: authenticate,
      recordRefusal: (code) => void refused.push(code),
      onDeviceRequest: () => () => undefined,
      onRevoked: (listener) => {
        revoke = listener;
        return () => undefined;
      },
    },
    denials: {
      async record(event) {
        denied.push(event);
      },
    },
    turns: {
      subscribe: (listener) => {
        emit = listener;
        return () => undefined;
      },
    },
    approvals: { subscribe: () => () => undefined },
    clock: { now: () => 1_000, monotonic: () => 1_000 },
    random: { bytes: (size) => new Uint8Array(size), uuid: () => crypto.randomUUID() },
    logger: { info() {}, warn() {}, error() {} },
    limits,
    ...(setup.rate === undefined ? {} : { rate: setup.rate }),
    ...(setup.receiving === undefined ? {} : { receiving: setup.receiving }),
    callerOf: (grant, trace) => ({
      principal: grant.principal,
      subject: { principal: grant.principal.id },
      authority: authorityOf(principalLayer(grant.principal)),
      surface: 'ws',
      space: 'operator',
      trace,
    }),
    hello: () => ({ version: '0', uptimeMs: 1, defaultAgent: 'main' }),
  });
  const server = createServer();
  ws.attach(server, {
    judge: () => ({ peer: PEER }),
    authenticated() {
      if (!place()) return false;
      authenticated += 1;
      return true;
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    refused,
    denied,
    authenticated: () => authenticated,
    connections: () => ws.connections(),
    /** Resolves when no connection is left. */
    async empty() {
      while (ws.connections() > 0) await new Promise((resolve) => setImmediate(resolve));
    },
    emit: (event: TurnEvent) => emit(event),
    revoke: (credential: string) => revoke(credential, 'revoked'),
    async [Symbol.asyncDispose]() {
      ws.close('test');
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A peer that opens a WebSocket by hand and from then on only sends the given bytes. */
async function stubbornPeer(port: number, frame: Buffer) {
  const socket = connect(port, '127.0.0.1');
  let received = Buffer.alloc(0);
  socket.on('data', (chunk) => (received = Buffer.concat([received, chunk])));
  socket.write(
    'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  while (!received.includes('connect.challenge')) await once(socket, 'data');
  socket.write(frame);
  await once(socket, 'close');
  const end = received.subarray(received.indexOf('}}') + 2);
  return { closeCode: end.length >= 4 ? end.readUInt16BE(2) : undefined };
}

/** A masked text frame with a mask of zeros; `rsv1` claims that it is compressed (RFC 7692). */
function textFrame(text: string, rsv1 = false): Buffer {
  return Buffer.concat([
    Buffer.from([rsv1 ? 0xc1 : 0x81, 0x80 | text.length, 0, 0, 0, 0]),
    Buffer.from(text),
  ]);
}

function textEvent(seq: number, delta: string): TurnEvent {
  const base = {
    runId: 'r',
    space: 'operator',
    sessionKey: 'agent:main:main',
    sessionId: 's',
    agent: 'main',
  };
  return { ...base, seq, at: 1, type: 'text', delta, text: delta };
}

test('listen/a peer that does not connect in time: refused', async () => {
  await using gateway = await surface({ limits: { handshakeMs: 30 } });
  await using socket = await openSocket(gateway.url);
  assert.deepEqual(await socket.closed(), { code: 1000, reason: '' });
  assert.deepEqual(gateway.refused, ['WS_HANDSHAKE_TIMEOUT']);
});

test('auth/a login that takes longer than the handshake may: refused, also when it would have succeeded', async () => {
  const { promise, resolve } = Promise.withResolvers<ConnectGrant>();
  await using gateway = await surface({ limits: { handshakeMs: 30 }, authenticate: () => promise });
  await using socket = await openSocket(gateway.url);
  socket.send({ type: 'req', id: '1', method: 'connect', params: connectParams('t') });
  assert.equal((await socket.closed()).code, 1000);
  resolve(GRANT);
  await promise;
  assert.equal(gateway.authenticated(), 0);
  assert.deepEqual(
    socket.frames.map(({ event }) => event),
    ['connect.challenge'],
  );
});

test('auth/a credential that is revoked while it is used to get in: refused', async () => {
  const { promise, resolve } = Promise.withResolvers<ConnectGrant>();
  const asked = Promise.withResolvers<void>();
  await using gateway = await surface({
    authenticate: () => {
      asked.resolve();
      return promise;
    },
  });
  await using socket = await openSocket(gateway.url);
  socket.send({ type: 'req', id: '1', method: 'connect', params: connectParams('t') });
  await asked.promise;
  gateway.revoke(ADMIN.credentialId);
  resolve(GRANT);
  assert.deepEqual(await socket.closed(), { code: 4001, reason: 'revoked' });
  assert.equal(gateway.authenticated(), 0);
});

test('auth/a second connect while the first is checked: refused, and the first is worth nothing', async () => {
  const { promise, resolve } = Promise.withResolvers<ConnectGrant>();
  await using gateway = await surface({ authenticate: () => promise });
  await using socket = await openSocket(gateway.url);
  for (const id of ['1', '2'])
    socket.send({ type: 'req', id, method: 'connect', params: connectParams('t') });
  assert.equal((await socket.closed()).code, 1008);
  resolve(GRANT);
  await promise;
  assert.equal(gateway.authenticated(), 0);
  assert.deepEqual(gateway.refused, ['WS_CONNECT_REPEATED']);
  assert.deepEqual(
    socket.frames.filter(({ type }) => type === 'res'),
    [],
  );
});

for (const [name, limits] of [
  ['from one address', { unauthenticatedPerAddress: 2 }],
  ['from all addresses together', { unauthenticatedTotal: 2 }],
] as const) {
  test(`listen/more connections without a login than may wait ${name}: the oldest is closed, the others get in`, async () => {
    await using gateway = await surface({ limits });
    await using oldest = await openSocket(gateway.url);
    await using second = await openSocket(gateway.url);
    await using third = await openSocket(gateway.url);
    assert.equal((await oldest.closed()).code, 1013);
    assert.deepEqual(gateway.refused, ['WS_TOO_MANY_CONNECTIONS']);
    assert.equal(gateway.authenticated(), 0);
    for (const socket of [second, third]) assert.equal((await socket.connect(connectParams('t'))).ok, true);
    await using fourth = await openSocket(gateway.url);
    await using fifth = await openSocket(gateway.url);
    for (const socket of [fourth, fifth]) await socket.nonce();
    assert.equal(gateway.connections(), 4);
  });
}

test('listen/a principal that holds as many connections as one may: refused before hello', async () => {
  await using gateway = await surface({ place: () => false });
  await using socket = await openSocket(gateway.url);
  const answer = await socket.connect(connectParams('t'));
  assert.equal(answer.ok, false);
  assert.match(JSON.stringify(answer.error), /LISTEN_TOO_MANY_CONNECTIONS/);
  assert.equal((await socket.closed()).code, 1008);
  assert.deepEqual(gateway.refused, ['LISTEN_TOO_MANY_CONNECTIONS']);
  assert.equal(gateway.authenticated(), 0);
});

test('a ping is answered, and listen/pings of a client that reads no pong: cut off at the bound', async () => {
  await using gateway = await surface({ limits: { pongBytes: 4 * 1024 } });
  await using polite = await openSocket(gateway.url);
  polite.stream.ping('here');
  assert.equal(String((await once(polite.stream, 'pong'))[0]), 'here');
  await using greedy = await openSocket(gateway.url);
  await greedy.connect(connectParams('t'));
  greedy.stream.pause();
  const data = 'x'.repeat(125);
  while (gateway.denied.length === 0) {
    for (let i = 0; i < 1_000; i += 1) greedy.stream.ping(data);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(
    gateway.denied.map(({ code }) => code),
    ['WS_SLOW_READER'],
  );
  greedy.stream.resume();
  await greedy.closed();
});

test('listen/pings beyond the rate of the principal: not answered, and what else it sends still is', async () => {
  let wait = 1_000;
  await using gateway = await surface({ rate: () => wait });
  await using socket = await openSocket(gateway.url);
  await socket.connect(connectParams('t'));
  let pongs = 0;
  socket.stream.on('pong', () => pongs++);
  socket.stream.ping();
  // Frames are handled in order: once this is answered, the ping has been seen.
  assert.equal((await socket.ask('gatehouse.x')).ok, false);
  assert.equal(pongs, 0);
  wait = 0;
  socket.stream.ping();
  await once(socket.stream, 'pong');
});

test('listen/a message that is begun and not finished: closed at the second look', async () => {
  await using gateway = await surface({ limits: { tickMs: 20 } });
  await using socket = await openSocket(gateway.url);
  await socket.connect(connectParams('t'));
  // A masked frame that announces 1,000 bytes and brings ten.
  rawOf(socket.stream).write(
    Buffer.concat([Buffer.from([0x81, 0xfe, 0x03, 0xe8, 0, 0, 0, 0]), Buffer.alloc(10)]),
  );
  assert.equal((await socket.closed()).code, 1006);
  assert.deepEqual(
    gateway.denied.map(({ code }) => code),
    ['WS_SLOW_WRITER'],
  );
});

test('a client that only sends pings for a long time is no slow writer', async () => {
  await using gateway = await surface({ limits: { tickMs: 10 } });
  await using socket = await openSocket(gateway.url);
  await socket.connect(connectParams('t'));
  for (let seq = 1; seq <= 6; seq += 1) {
    socket.stream.ping('x');
    await socket.until((frame) => frame.event === 'tick' && frame.seq === seq);
  }
  assert.equal((await socket.ask('gatehouse.x')).ok, true);
  assert.deepEqual(gateway.denied, []);
});

test('listen/large messages under way past what one principal may send at once: cut off, small ones of others pass', async () => {
  const receiving = new Receiving({ receivingBytesPerPrincipal: 100_000, receivingBytes: 150_000 });
  await using gateway = await surface({ receiving });
  await using greedy = await openSocket(gateway.url);
  await using honest = await openSocket(gateway.url);
  for (const socket of [greedy, honest]) await socket.connect(connectParams('t'));
  const header = Buffer.alloc(14);
  header.writeUInt16BE(0x81ff);
  header.writeBigUInt64BE(10_000_000n, 2);
  rawOf(greedy.stream).write(Buffer.concat([header, Buffer.alloc(300_000)]));
  assert.equal((await greedy.closed()).code, 1006);
  assert.deepEqual(
    gateway.denied.map(({ code }) => code),
    ['LISTEN_BUSY'],
  );
  assert.equal(receiving.total, 0);
  assert.equal((await honest.ask('gatehouse.x', { pad: 'x'.repeat(30_000) })).ok, true);
});

test('listen/a flood of requests past the rate: refused, and after so many of them nothing is read for a moment', async () => {
  await using gateway = await surface({ rate: () => 5, limits: { floodRefusals: 3, pauseMs: 60_000 } });
  await using socket = await openSocket(gateway.url);
  await socket.connect(connectParams('t'));
  for (let i = 0; i < 3; i += 1) {
    const { error } = await socket.ask('gatehouse.x');
    assert.match(JSON.stringify(error), /LISTEN_RATE_LIMITED/);
  }
  const before = socket.frames.length;
  socket.send({ type: 'req', id: 'unread', method: 'gatehouse.x' });
  await using other = await openSocket(gateway.url);
  assert.equal((await other.connect(connectParams('t'))).ok, true);
  assert.equal(socket.frames.length, before);
  assert.deepEqual(
    gateway.denied.map(({ code }) => code),
    ['LISTEN_RATE_LIMITED'],
  );
});

test('listen/frames that are no requests, past the rate: closed', async () => {
  let left = 3;
  await using gateway = await surface({ rate: () => (left-- > 0 ? 0 : 5) });
  await using socket = await openSocket(gateway.url);
  await socket.connect(connectParams('t'));
  for (let i = 0; i < 10; i += 1) socket.send('{}');
  assert.equal((await socket.closed()).code, 1008);
  assert.equal(left, -1);
});

/** The TCP connection below a WebSocket, for bytes that no client would send. */
function rawOf(stream: RawSocket['stream']): Socket {
  return (stream as unknown as { readonly _socket: Socket })._socket;
}

test('a frame of exactly the limit is answered', async () => {
  await using gateway = await surface({ limits: { frameBytes: 1024 } });
  await using socket = await openSocket(gateway.url);
  await socket.connect(connectParams('t'));
  socket.send(requestOf(1024));
  assert.equal((await socket.until(({ id }) => id === 'sized')).ok, true);
});

test('listen/a frame of one byte more than the limit after hello: refused', async () => {
  await using gateway = await surface({ limits: { frameBytes: 1024 } });
  await using socket = await openSocket(gateway.url);
  await socket.connect(connectParams('t'));
  socket.send(requestOf(1025));
  assert.equal((await socket.closed()).code, 1009);
  assert.deepEqual(
    gateway.denied.map(({ code, outcome, subject }) => [code, outcome, subject?.principal]),
    [['WS_FRAME_TOO_LARGE', 'deny', 'admin']],
  );
});

function requestOf(bytes: number): string {
  const frame = (pad: string) =>
    JSON.stringify({ type: 'req', id: 'sized', method: 'gatehouse.x', params: { pad } });
  return frame('x'.repeat(bytes - frame('').length));
}

test('listen/a binary frame after hello: refused', async () => {
  await using gateway = await surface({});
  await using socket = await openSocket(gateway.url);
  await socket.connect(connectParams('t'));
  socket.send(Buffer.from('{}'));
  assert.equal((await socket.closed()).code, 1008);
  assert.deepEqual(
    gateway.denied.map(({ code }) => code),
    ['WS_FRAME_BINARY'],
  );
});

test('listen/more requests at once than one connection may have: refused, the others are answered', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  await using gateway = await surface({ limits: { inFlight: 2 }, call: () => promise });
  await using socket = await openSocket(gateway.url);
  await socket.connect(connectParams('t'));
  const both = [socket.ask('gatehouse.x'), socket.ask('gatehouse.x')];
  const { error } = await socket.ask('gatehouse.x');
  assert.equal(error?.code, 'UNAVAILABLE');
  resolve({});
  for (const answer of await Promise.all(both)) assert.equal(answer.ok, true);
  assert.equal((await socket.ask('gatehouse.x')).ok, true);
  assert.deepEqual(
    gateway.denied.map(({ code }) => code),
    ['WS_TOO_MANY_REQUESTS'],
  );
  assert.deepEqual(socket.problems, []);
});

test('a client that does not read is cut off, and the others get everything', async () => {
  await using gateway = await surface({ limits: { bufferedBytes: 256 * 1024 } });
  await using slow = await openSocket(gateway.url);
  await using quick = await openSocket(gateway.url);
  await slow.connect(connectParams('t'));
  await quick.connect(connectParams('t'));
  slow.stream.pause();
  const delta = 'x'.repeat(64 * 1024);
  let sent = 0;
  while (gateway.denied.length === 0) {
    gateway.emit(textEvent((sent += 1), delta));
    const seq = sent * 2 + 1;
    await quick.until(({ event, payload }) => event === 'chat' && payload?.['seq'] === seq);
  }
  assert.deepEqual(
    gateway.denied.map(({ code }) => code),
    ['WS_SLOW_READER'],
  );
  slow.stream.resume();
  assert.equal((await slow.closed()).code, 1006);
  assert.equal((await quick.ask('gatehouse.x')).ok, true);
});

test('a peer that never answers a close is dropped', async () => {
  await using gateway = await surface({ limits: { closeMs: 30 } });
  const { closeCode } = await stubbornPeer(gateway.port, textFrame('no json'));
  assert.equal(closeCode, 1000);
  assert.deepEqual(gateway.refused, ['WS_FRAME_NOT_JSON']);
  await gateway.empty();
});

test('listen/a frame that claims to be compressed: refused', async () => {
  await using gateway = await surface({ limits: { closeMs: 30 } });
  const { closeCode } = await stubbornPeer(gateway.port, textFrame('{}', true));
  assert.equal(closeCode, 1002);
  assert.deepEqual(gateway.refused, ['WS_PROTOCOL_BROKEN']);
  await gateway.empty();
});

test('a tick tells idle clients that the gateway is there', async () => {
  await using gateway = await surface({ limits: { tickMs: 10 } });
  await using socket = await openSocket(gateway.url);
  const hello = await socket.connect(connectParams('t'));
  assert.match(JSON.stringify(hello.payload?.['policy']), /"tickIntervalMs":10/);
  const tick = await socket.until(({ event }) => event === 'tick');
  assert.deepEqual([tick.seq, tick.payload], [1, { ts: 1_000 }]);
  assert.deepEqual(socket.problems, []);
});
