import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { RunSecrets } from '../index.ts';
import { createAuthority, InterceptionAuthority } from '../index.ts';
import { RawClient } from './sockets.ts';

/** Nothing to put in and nothing to hide. */
export const NO_SECRETS: RunSecrets = {
  plan: ({ headers, target }) => ({ names: [], fill: () => ({ headers, target }) }),
  mentions: () => false,
  used: () => undefined,
  redact: (text) => text,
  stream: () => undefined,
};

export function newAuthority(): InterceptionAuthority {
  return new InterceptionAuthority(createAuthority(Date.now()));
}

interface TunnelOptions {
  readonly servername?: string;
  readonly alpn?: readonly string[];
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  readonly session?: Buffer | undefined;
}

/** TLS inside a tunnel, as a program in a run speaks it; bytes are sent as they are. */
export class TunnelClient {
  readonly socket: TLSSocket;
  #text = '';
  #session: Buffer | undefined;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => (this.#text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('session', (session) => (this.#session = session));
  }

  /** What could be taken up again. */
  session(): Buffer | undefined {
    return this.#session ?? this.socket.getSession();
  }

  /** Open a tunnel through the proxy and speak TLS that trusts only `ca`. */
  static async open(
    socketPath: string,
    authority: string,
    ca: string,
    options: TunnelOptions = {},
  ): Promise<TunnelClient> {
    const raw = new RawClient(socketPath);
    raw.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    await raw.until((text) => text.includes('\r\n\r\n'));
    raw.socket.removeAllListeners('data');
    const host = authority.slice(0, authority.lastIndexOf(':'));
    const socket = connectTls({
      socket: raw.socket,
      ca,
      host,
      servername: options.servername ?? host,
      ALPNProtocols: [...(options.alpn ?? ['http/1.1'])],
      maxVersion: options.maxVersion ?? 'TLSv1.3',
      ...(options.session === undefined ? {} : { session: options.session }),
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed during the handshake')));
    });
    return new TunnelClient(socket);
  }

  get text(): string {
    return this.#text;
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  async until(wanted: (text: string) => boolean): Promise<string> {
    while (!wanted(this.#text)) {
      if (this.socket.closed) throw new Error(`closed before: ${JSON.stringify(this.#text.slice(0, 500))}`);
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
    return this.#text;
  }

  async all(): Promise<string> {
    if (!this.socket.closed) await new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    return this.#text;
  }

  close(): void {
    this.socket.destroy();
  }
}
