// Hostile clients for `npm run bench slow`, each in a process of its own, on loopback, bounded in count and time.
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { connectParams } from '../test/fixtures/raw-websocket.ts';
import { connectFrom, loopbackAddress } from './gatehouse.ts';

/** Milliseconds until a client that was thrown out is back. */
const RETURN_MS = 200;
/** Milliseconds between two bytes of a slow writer. */
const DRIP_MS = 500;
/** Frames that a busy WebSocket attacker sends per turn, and milliseconds between two turns. */
const BURST_FRAMES = 200;
const BURST_MS = 20;

export interface Attack {
  readonly port: number;
  readonly tlsPort: number;
  readonly token: string;
  /** Whether all come from the address of the honest client. */
  readonly single: boolean;
}

type Client = (attack: Attack, index: number) => { readonly closed: Promise<void> };

function addressOf({ single }: Attack, index: number): string {
  return single ? '127.0.0.1' : loopbackAddress(index);
}

function untilClosed(socket: Socket): { readonly closed: Promise<void> } {
  return { closed: new Promise((resolve) => socket.once('close', () => resolve())) };
}

function dripping(socket: Socket, text: string): void {
  const timer = setInterval(() => socket.write(text), DRIP_MS);
  socket.once('close', () => clearInterval(timer));
}

/** Opens and says nothing. */
const halfOpen: Client = (attack, index) =>
  untilClosed(connectFrom(attack.port, addressOf(attack, index)).resume());

/** Headers that never end. */
const slowloris: Client = (attack, index) => {
  const socket = connectFrom(attack.port, addressOf(attack, index)).resume();
  socket.write('POST /api/v1/health.get HTTP/1.1\r\nHost: localhost\r\n');
  dripping(socket, 'X-A: b\r\n');
  return untilClosed(socket);
};

/** A known client whose body never ends. */
const slowBody: Client = (attack, index) => {
  const socket = connectFrom(attack.port, addressOf(attack, index)).resume();
  socket.write(
    `POST /api/v1/health.get HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${attack.token}\r\n` +
      'Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"a":"',
  );
  dripping(socket, 'x');
  return untilClosed(socket);
};

/** A known client that asks for large answers and reads none. */
const slowReader: Client = (attack, index) => {
  const socket = connectFrom(attack.port, addressOf(attack, index)).pause();
  const request = `GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${attack.token}\r\n\r\n`;
  socket.write(request.repeat(20));
  return untilClosed(socket);
};

/** TLS that stops after the first bytes of a ClientHello. */
const halfTls: Client = (attack, index) => {
  const socket = connectFrom(attack.tlsPort, addressOf(attack, index)).resume();
  socket.write(Buffer.from('1603010200010001fc0303', 'hex'));
  return untilClosed(socket);
};

/** A WebSocket that was upgraded and never connects. */
const mutePeer: Client = (attack, index) => {
  const socket = connectFrom(attack.port, addressOf(attack, index)).resume();
  socket.write(
    'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  return untilClosed(socket);
};

function session(attack: Attack, index: number, busy: (socket: WebSocket) => void) {
  const socket = new WebSocket(`ws://127.0.0.1:${attack.port}`, {
    localAddress: addressOf(attack, index),
    perMessageDeflate: false,
  });
  socket.on('error', () => socket.terminate());
  socket.once('message', () => {
    socket.send(
      JSON.stringify({ type: 'req', id: '1', method: 'connect', params: connectParams(attack.token) }),
    );
    socket.once('message', () => busy(socket));
  });
  return { closed: new Promise<void>((resolve) => socket.once('close', () => resolve())) };
}

function inBursts(socket: WebSocket, send: () => void): void {
  const timer = setInterval(() => {
    for (let i = 0; i < BURST_FRAMES && socket.readyState === socket.OPEN; i += 1) send();
  }, BURST_MS);
  socket.once('close', () => clearInterval(timer));
}

/** A known client that pings without end and reads no pong. */
const pinger: Client = (attack, index) =>
  session(attack, index, (socket) => {
    socket.pause();
    inBursts(socket, () => socket.ping('x'.repeat(120)));
  });

/** A known client that sends frames which are no requests. */
const tinyFrames: Client = (attack, index) =>
  session(attack, index, (socket) => inBursts(socket, () => socket.send('{}')));

/** A known client that asks for large answers over its socket and reads none. */
const slowSocket: Client = (attack, index) =>
  session(attack, index, (socket) => {
    socket.pause();
    let id = 1;
    inBursts(socket, () => {
      id += 1;
      socket.send(JSON.stringify({ type: 'req', id: String(id), method: 'gatehouse.config.schema' }));
    });
  });

/** Frames that claim to be compressed, as a decompression bomb does (RFC 7692). */
const deflate: Client = (attack, index) =>
  session(attack, index, (socket) => {
    const raw = (socket as unknown as { _socket: Socket })._socket;
    raw.write(Buffer.concat([Buffer.from([0xc1, 0xfe, 0x40, 0x00, 0, 0, 0, 0]), Buffer.alloc(0x4000)]));
  });

export const ATTACKS: Readonly<Record<string, { readonly client: Client; readonly count: number }>> = {
  'half-open': { client: halfOpen, count: 1_000 },
  slowloris: { client: slowloris, count: 200 },
  'mute WebSockets': { client: mutePeer, count: 200 },
  'half TLS handshakes': { client: halfTls, count: 200 },
  'slow bodies': { client: slowBody, count: 100 },
  'slow readers': { client: slowReader, count: 50 },
  'slow WebSocket readers': { client: slowSocket, count: 10 },
  pings: { client: pinger, count: 10 },
  'tiny frames': { client: tinyFrames, count: 10 },
  'compressed frames': { client: deflate, count: 50 },
};

/** Keep so many clients of one kind there; whoever is thrown out comes back. Ends with its process. */
function keepUp(client: Client, count: number, attack: Attack): void {
  const lane = async (index: number): Promise<void> => {
    for (;;) {
      await client(attack, index).closed;
      await new Promise((resolve) => setTimeout(resolve, RETURN_MS));
    }
  };
  for (let index = 0; index < count; index += 1) void lane(index);
}

if (import.meta.main) {
  const [names = '', text = ''] = process.argv.slice(2);
  for (const name of names.split(',')) {
    const { client, count } = ATTACKS[name] ?? { client: halfOpen, count: 0 };
    keepUp(client, count, JSON.parse(text) as Attack);
  }
  process.send?.('attacking');
  process.once('disconnect', () => process.exit(0));
}
