import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A client that sends bytes as they are and collects what comes back. */
export class RawClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);

  constructor(socketPath: string) {
    this.socket = connect(socketPath);
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    this.socket.on('error', () => undefined);
  }

  get text(): string {
    return this.#received.toString('latin1');
  }

  send(data: string | Uint8Array): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
  }

  /** Resolves as soon as what has arrived fits. */
  async until(wanted: (text: string) => boolean): Promise<string> {
    while (!wanted(this.text)) {
      if (this.socket.closed) throw new Error(`closed before: ${JSON.stringify(this.text.slice(0, 500))}`);
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.socket.off('data', done);
          this.socket.off('close', done);
          resolve();
        };
        this.socket.on('data', done);
        this.socket.on('close', done);
      });
    }
    return this.text;
  }

  /** Everything until the other side closed. */
  async all(): Promise<string> {
    if (!this.socket.closed) await new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    return this.text;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Send bytes, collect until the proxy closes. */
export async function rawRequest(socketPath: string, data: string): Promise<string> {
  const client = new RawClient(socketPath);
  client.send(data);
  return client.all();
}

export function codeOf(answer: string): string {
  return /x-gatehouse-code: (\S+)/.exec(answer)?.[1] ?? `(no code) ${answer.slice(0, 200)}`;
}

/** A server on loopback that counts connections: a refused attempt must leave the count at zero. */
export async function countingServer(
  onConnection: (socket: Socket) => void = () => undefined,
  host = '127.0.0.1',
) {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export function echo(socket: Socket): void {
  socket.pipe(socket);
}

/** Answers any HTTP/1.1 request with what it received, then closes. */
export function httpEcho(seen: string[]): (socket: Socket) => void {
  return (socket) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      const chunked = /transfer-encoding: chunked/i.test(text);
      const complete = chunked ? text.endsWith('0\r\n\r\n') : text.length >= end + 4 + length;
      if (!complete) return;
      seen.push(text);
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello');
    });
  };
}
