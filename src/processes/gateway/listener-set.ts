import { chmodSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { DeclaredListener, ListenerCertificate } from '../../controls/listen/index.ts';
import type { DrillTarget } from '../../kernel/index.ts';
import type { HttpSurface } from '../../surfaces/http/index.ts';
import { renewCertificate } from '../../surfaces/http/index.ts';
import type { WsSurface } from '../../surfaces/ws/index.ts';
import { PROCESS_CODES } from '../codes.ts';
import { admits, type WantedListener } from './listening.ts';

export type Declared = DeclaredListener & { readonly plane: string };

const PLANE_NAMES = {
  users: 'users and API',
  admin: 'administration',
  metrics: 'metrics',
  webhooks: 'webhooks',
} as const;

interface Surfaces {
  readonly http: HttpSurface;
  readonly ws: WsSurface;
}

interface Open {
  wanted: WantedListener;
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
  /** 0 for a Unix socket. */
  readonly port: number;
}

/** The listeners of the gateway: opened all or none, and brought in line with what the configuration asks for. */
export class ListenerSet {
  readonly #surfaces: Surfaces;
  readonly #socketPath: string;
  readonly #open = new Map<string, Open>();

  constructor(surfaces: Surfaces, run: string) {
    this.#surfaces = surfaces;
    this.#socketPath = join(run, 'gateway.sock');
  }

  /** The port for users; 0 when only Unix sockets are open. */
  get port(): number {
    return (
      [...this.#open.values()].find(({ wanted, port }) => wanted.plane === 'users' && port !== 0)?.port ?? 0
    );
  }

  /** Every TCP port that is open. */
  get ports(): readonly number[] {
    return [...new Set([...this.#open.values()].map(({ port }) => port).filter((port) => port !== 0))];
  }

  get declared(): readonly Declared[] {
    const operator: Declared = { address: this.#socketPath, port: null, plane: 'operator' };
    const others = [...this.#open.values()].map(({ wanted, port }) => ({
      address: wanted.kind === 'unix' ? wanted.path : wanted.address,
      port: wanted.kind === 'unix' ? null : port,
      plane: PLANE_NAMES[wanted.plane],
    }));
    return [operator, ...others];
  }

  /** What drills knock at: everything that is reached over TCP. */
  get targets(): readonly DrillTarget[] {
    return [...this.#open.values()].flatMap(({ wanted, port }) => {
      if (wanted.kind !== 'tcp') return [];
      const { plane, address, exposed, tls } = wanted;
      const transport = tls === undefined ? 'plain' : tls.clientAuth === 'required' ? 'mutual' : 'tls';
      return [{ plane, address, port, exposed, transport }];
    });
  }

  /** What TLS listeners show. */
  get certificates(): readonly ListenerCertificate[] {
    return [...this.#open.values()].flatMap(({ wanted, port }) => {
      if (wanted.tls === undefined) return [];
      const address = wanted.kind === 'unix' ? wanted.path : `${wanted.address}:${port}`;
      return [{ plane: wanted.plane, address, expires: wanted.tls.expires }];
    });
  }

  /** The earliest end of a grant that holds something open, in Unix milliseconds. */
  get nextExpiry(): number | undefined {
    const ends = [...this.#open.values()].flatMap(({ wanted }) =>
      wanted.expires === null ? [] : [wanted.expires],
    );
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  async openOperatorSocket(): Promise<void> {
    rmSync(this.#socketPath, { force: true });
    await listen(this.#surfaces.http.server('socket'), { path: this.#socketPath });
    chmodSync(this.#socketPath, 0o600);
  }

  /**
   * Open what is new, then close what is no longer wanted. When one cannot be opened nothing changes.
   *
   * @throws GATEWAY_PORT_TAKEN and failures of the system
   */
  async apply(wanted: readonly WantedListener[]): Promise<void> {
    const opened: [string, Open][] = [];
    try {
      for (const listener of wanted) {
        const key = keyOf(listener);
        if (this.#open.has(key)) continue;
        const sibling = opened.find(([, { wanted: other }]) => other.plane === listener.plane)?.[1];
        opened.push([key, await this.#start(listener, sibling?.port)]);
      }
    } catch (thrown) {
      for (const [, one] of opened) end(one);
      throw thrown;
    }
    for (const [key, one] of opened) this.#open.set(key, one);
    const keys = new Map(wanted.map((listener) => [keyOf(listener), listener]));
    for (const [key, one] of this.#open) {
      const next = keys.get(key);
      if (next === undefined) this.#close(key);
      else this.#refresh(one, next);
    }
  }

  /** Close what only a grant held open that is over now. */
  expire(now: number): readonly WantedListener[] {
    const over = [...this.#open].filter(([, { wanted }]) => wanted.expires !== null && wanted.expires <= now);
    for (const [key] of over) this.#close(key);
    return over.map(([, { wanted }]) => wanted);
  }

  /** A renewed certificate counts for new connections; a shorter allow-list ends those it no longer has. */
  #refresh(one: Open, next: WantedListener): void {
    if (next.tls !== undefined) renewCertificate(one.server, next.tls);
    one.wanted = next;
    for (const socket of one.sockets) {
      if (socket.remoteAddress !== undefined && !admits(next, socket.remoteAddress)) socket.destroy();
    }
  }

  #close(key: string): void {
    const one = this.#open.get(key);
    if (one === undefined) return;
    this.#open.delete(key);
    end(one);
  }

  async #start(wanted: WantedListener, siblingPort: number | undefined): Promise<Open> {
    const open: { current: WantedListener } = { current: wanted };
    const options = {
      plane: wanted.plane,
      exposed: wanted.exposed,
      ...(wanted.tls === undefined ? {} : { tls: wanted.tls }),
      admits: (address: string) => admits(this.#open.get(keyOf(wanted))?.wanted ?? open.current, address),
    };
    const { http, ws } = this.#surfaces;
    const server = http.server('token', options);
    if (wanted.plane === 'users' || wanted.plane === 'admin') {
      ws.attach(server, {
        judge(request: IncomingMessage) {
          const verdict = http.judge(request, 'token', options);
          const { peer, session } = verdict.arrival;
          if ('refusal' in verdict) return { peer, refusal: verdict.refusal };
          return session === undefined ? { peer } : { peer, session };
        },
        authenticated: (request, principal) => http.authenticated(request.socket as Socket, principal),
      });
    }
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    if (wanted.kind === 'unix') {
      rmSync(wanted.path, { force: true });
      return { wanted, server, sockets, port: await listen(server, { path: wanted.path }) };
    }
    // Every address of a plane has one port, also when the system chose it.
    const asked = wanted.port === 0 ? (siblingPort ?? 0) : wanted.port;
    return { wanted, server, sockets, port: await listen(server, { host: wanted.address, port: asked }) };
  }
}

/** What makes two listeners the same one: everything that cannot be changed while it is open. */
function keyOf(wanted: WantedListener): string {
  const place = wanted.kind === 'unix' ? wanted.path : `${wanted.address} ${wanted.port}`;
  return `${wanted.plane} ${place} ${wanted.tls === undefined ? 'plain' : `tls ${wanted.tls.clientAuth}`}`;
}

function end({ server, sockets }: Pick<Open, 'server' | 'sockets'>): void {
  server.close();
  for (const socket of sockets) socket.destroy();
}

function listen(server: Server, where: { host: string; port: number } | { path: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE' && 'port' in where;
      reject(
        taken ? PROCESS_CODES.error('GATEWAY_PORT_TAKEN', `port ${where.port} is already in use`) : cause,
      );
    });
    server.listen({ ...where, exclusive: true }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
