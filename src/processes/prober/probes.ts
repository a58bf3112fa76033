import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { DRILL_CODES } from '../../controls/drills/index.ts';
import type {
  ExchangeAnswer,
  ProbeRequest,
  ProbeRules,
  ProbeSays,
  ProbeTarget,
  UpgradeAnswer,
} from '../../drivers/prober/index.ts';
import { hostAndPort } from '../../kernel/index.ts';

/** Bytes kept of one answer. */
const MAX_ANSWER = 65_536;

type Of<Op extends ProbeRequest['op']> = Extract<ProbeRequest, { readonly op: Op }>;

/** Attempts against what the rules name, and nothing else. */
export class Probes {
  readonly #rules: ProbeRules;
  readonly #say: (says: ProbeSays) => void;
  readonly #sockets = new Map<number, WebSocket>();
  readonly #servers = new Map<number, Server>();

  constructor(rules: ProbeRules, say: (says: ProbeSays) => void) {
    this.#rules = rules;
    this.#say = say;
  }

  async answer(request: ProbeRequest): Promise<unknown> {
    switch (request.op) {
      case 'exchange':
        return this.#exchange(request);
      case 'ws.open':
        return this.#open(request);
      case 'ws.send':
        return void this.#sockets.get(request.handle)?.send(request.text);
      case 'ws.close':
        this.#sockets.get(request.handle)?.terminate();
        return void this.#sockets.delete(request.handle);
      case 'listen':
        return this.#listen(request);
      case 'unlisten':
        return this.#unlisten(request);
    }
  }

  /** @throws DRILL_TARGET_REFUSED */
  #check(target: ProbeTarget): void {
    const { tcp, folder } = this.#rules;
    const known =
      'path' in target
        ? dirname(target.path) === folder
        : tcp.some(({ address, port }) => address === target.address && port === target.port);
    if (!known) throw DRILL_CODES.error('DRILL_TARGET_REFUSED');
  }

  #exchange({ target, bytes, until, ms }: Of<'exchange'>): Promise<ExchangeAnswer> {
    this.#check(target);
    return new Promise((resolve) => {
      const socket = dial(target);
      let came = '';
      const end = (why: ExchangeAnswer['end']) => {
        clearTimeout(timer);
        socket.destroy();
        resolve({ bytes: came, end: why });
      };
      const timer = setTimeout(end, ms, 'timeout');
      socket.on('data', (chunk: Buffer) => {
        came = (came + chunk.toString('latin1')).slice(0, MAX_ANSWER);
        if (until !== undefined && came.includes(until)) end('found');
      });
      socket.once('error', () => end(came === '' ? 'refused' : 'closed'));
      socket.once('close', () => end('closed'));
      socket.write(Buffer.from(bytes, 'latin1'));
    });
  }

  #open({ handle, target, headers, ms }: Of<'ws.open'>): Promise<UpgradeAnswer> {
    this.#check(target);
    const { tls, from } = target;
    const socket = new WebSocket(`${tls ? 'wss' : 'ws'}://${hostAndPort(target)}/`, {
      headers: Object.fromEntries(headers),
      handshakeTimeout: ms,
      perMessageDeflate: false,
      // The listener is our own, chosen by its address; its certificate is for the names that others use.
      rejectUnauthorized: false,
      ...(from === undefined ? {} : { localAddress: from }),
    });
    this.#sockets.set(handle, socket);
    socket.on('message', (data) => this.#say({ handle, frame: String(data) }));
    socket.once('close', (code) => this.#say({ handle, closed: code }));
    return new Promise((resolve) => {
      const refused = (bytes: string) => {
        this.#sockets.delete(handle);
        resolve({ upgraded: false, bytes });
      };
      socket.once('open', () => resolve({ upgraded: true, bytes: '' }));
      socket.once('error', () => refused(''));
      socket.once('unexpected-response', (request, response) => {
        let body = '';
        response.setEncoding('latin1');
        response.on('data', (chunk: string) => {
          body = (body + chunk).slice(0, MAX_ANSWER);
        });
        response.once('end', () => {
          refused(`HTTP/1.1 ${response.statusCode ?? 0} x\r\n\r\n${body}`);
          request.destroy();
        });
      });
    });
  }

  #listen({ handle, address }: Of<'listen'>): Promise<{ readonly port: number }> {
    const server = createServer((socket) => socket.destroy());
    this.#servers.set(handle, server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address, port: 0, exclusive: true }, () => {
        const bound = server.address();
        resolve({ port: typeof bound === 'object' && bound !== null ? bound.port : 0 });
      });
    });
  }

  #unlisten({ handle }: Of<'unlisten'>): Promise<void> {
    const server = this.#servers.get(handle);
    this.#servers.delete(handle);
    return new Promise((resolve) => {
      if (server === undefined) resolve();
      else server.close(() => resolve());
    });
  }
}

function dial(target: ProbeTarget): Socket {
  if ('path' in target) return connect({ path: target.path });
  const { address, port, tls, from, newest } = target;
  const where = { host: address, port, ...(from === undefined ? {} : { localAddress: from }) };
  // An old client: what it can do is decided by the listener, so nothing of it is held back here.
  const old =
    newest === undefined
      ? {}
      : { minVersion: 'TLSv1' as const, maxVersion: newest, ciphers: 'ALL:@SECLEVEL=0' };
  return tls ? connectTls({ ...where, ...old, rejectUnauthorized: false }) : connect(where);
}
