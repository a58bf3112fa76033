// Clients of the sockets bench in a process of their own: raw sockets, so that the client costs little beside the
// server that is measured. Every server answers the same protocol: challenge, connect, hello.
import type { Socket } from 'node:net';
import { connectParams } from '../test/fixtures/raw-websocket.ts';
import { connectFrom, loopbackAddress } from './gatehouse.ts';

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** A masked text frame whose mask is zero (RFC 6455 section 5.3). */
function frame(text: string): Buffer {
  const data = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = 0x81;
  head[1] = 0xfe;
  head.writeUInt16BE(data.length, 2);
  return Buffer.concat([head, data]);
}

export function connectFrame(token: string): Buffer {
  const params = connectParams(token, { scopes: ['operator.read'] });
  return frame(JSON.stringify({ type: 'req', id: 'c', method: 'connect', params }));
}

/** Resolves when hello has arrived; rejects when the server says no or closes. */
export function handshake(port: number, hello: Buffer, address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectFrom(port, address);
    let text = '';
    let connected = false;
    socket.write(UPGRADE);
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (!connected && text.includes('connect.challenge')) {
        connected = true;
        socket.write(hello);
      }
      if (text.includes('"ok":true')) {
        socket.off('data', onData);
        socket.off('close', onClose);
        socket.resume();
        resolve(socket);
      }
    };
    const onClose = (): void => reject(new Error(`no hello: ${text.slice(-300)}`));
    socket.on('data', onData);
    socket.once('close', onClose);
  });
}

interface Rate {
  readonly port: number;
  readonly token: string;
  readonly ms: number;
  readonly lanes: number;
}

/** Connections with handshake per second. */
async function rate({ port, token, ms, lanes }: Rate): Promise<number> {
  const hello = connectFrame(token);
  const started = performance.now();
  let done = 0;
  const lane = async (index: number): Promise<void> => {
    while (performance.now() - started < ms) {
      const socket = await handshake(port, hello, loopbackAddress(index));
      socket.destroy();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));
  return (done * 1_000) / (performance.now() - started);
}

/** Open so many and keep them; they end with this process. */
async function hold(port: number, token: string, count: number): Promise<number> {
  const hello = connectFrame(token);
  let next = 0;
  let open = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await handshake(port, hello, loopbackAddress(index));
      open += 1;
    }
  };
  await Promise.all(Array.from({ length: 32 }, lane));
  return open;
}

if (import.meta.main) {
  const [what, text = '{}', count = '0'] = process.argv.slice(2);
  const settings = JSON.parse(text) as Rate;
  const result = what === 'rate' ? rate(settings) : hold(settings.port, settings.token, Number(count));
  result.then(
    (value) => process.send?.({ value }),
    (cause: unknown) => process.send?.({ failure: String(cause) }),
  );
  process.once('disconnect', () => process.exit(0));
}
