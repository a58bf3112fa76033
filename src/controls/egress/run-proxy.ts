import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  asGatehouseError,
  type EgressIdentity,
  type GatehouseError,
  type RefusedDestination,
} from '../../kernel/index.ts';
import { answerRefusal, answerRefusalOn } from './answer.ts';
import { EGRESS_CODES } from './codes.ts';
import { forward } from './forward.ts';
import type { Gate } from './gate.ts';
import { judgeConnectHead, judgeHead, type RequestHead } from './head.ts';
import { hostHeader, type Judged, judgeAuthority, judgeUrl } from './host.ts';
import { type Interception, InterceptServer, raiseMisuse } from './intercept/server.ts';
import type { RunMeter } from './meter.ts';
import { createServer } from './node-http.ts';
import type { EgressPolicy, Handle, Via } from './passage.ts';
import { codedRefusal } from './record.ts';
import { judgeRequest } from './request-rules.ts';
import { serveTunnel } from './tunnel.ts';
import type { Target } from './types.ts';

export interface RunProxyParts {
  readonly gate: Gate;
  /** Fixed for the life of the socket: whoever connects to it is this run (E5). */
  readonly identity: EgressIdentity;
  readonly policyOf: () => EgressPolicy | undefined;
  /** Whether a text holds a placeholder of a secret; none goes out in the clear. */
  readonly mentions?: (text: string) => boolean;
  /** Bytes that it may move at most, beside the limits of all runs. */
  readonly bytes?: number;
  /** Absent: tunnels whose requests would have to be judged are refused. */
  readonly interception?: Interception;
}

/** Sockets a run may hold open for each connection it may have; more are closed without a word. */
const IDLE_SOCKETS_PER_CONNECTION = 2;
/** Milliseconds between two looks at heads that do not arrive (attack 91). */
const HEAD_CHECK_MS = 2_000;
const DEFAULT_HTTP_PORT = 80;
/** Refused destinations of one run that are told. */
const MAX_MISSED = 10;
/** Characters of a hostile destination that an alert repeats. */
const MAX_WHERE = 200;

/** The forward proxy of one run. Everything is refused that a rule does not allow, and everything is recorded. */
export class RunProxy {
  readonly #parts: RunProxyParts;
  readonly #meter: RunMeter;
  readonly #server: Server;
  readonly #inner: Server;
  readonly #intercept: InterceptServer | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #missed = new Map<string, RefusedDestination>();
  /** Tunnels that carry plain HTTP, by the client's socket. */
  readonly #tunnels = new WeakMap<Socket, Handle>();

  constructor(parts: RunProxyParts) {
    const { limits } = parts.gate;
    this.#parts = parts;
    this.#meter = parts.gate.usage.run(parts.identity.agent, parts.bytes);
    const options = {
      insecureHTTPParser: false,
      maxHeaderSize: limits.headerBytes,
      headersTimeout: Math.min(limits.headMs, limits.totalMs),
      requestTimeout: limits.totalMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.min(HEAD_CHECK_MS, limits.headMs),
      requireHostHeader: false,
      joinDuplicateHeaders: false,
    };
    this.#server = createServer(options, (request, response) => void this.#onRequest(request, response));
    this.#server.on(
      'connect',
      (request, socket, head) => void this.#onConnect(request, socket as Socket, head),
    );
    this.#server.maxConnections = limits.connectionsPerRun * IDLE_SOCKETS_PER_CONNECTION;
    this.#server.on('connection', (socket) => this.#track(socket));
    this.#inner = createServer(options, (request, response) => void this.#onInner(request, response));
    this.#inner.on('connect', (request, socket) => void this.#onInnerConnect(request, socket as Socket));
    this.#intercept =
      parts.interception === undefined
        ? undefined
        : new InterceptServer({
            ...parts,
            ...parts.interception,
            meter: this.#meter,
            serverOptions: options,
            withinLimit: () => this.#withinLimit('intercepted'),
          });
    for (const server of [this.#server, this.#inner]) {
      server.maxHeadersCount = limits.headerCount;
      server.on('clientError', (cause, socket) => void this.#onClientError(cause, socket as Socket));
    }
  }

  /** Start listening on a Unix socket; the caller's umask keeps it private. */
  listen(socketPath: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(socketPath, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** Whether the run sent anything out or got anything in; what was refused does neither. */
  get reached(): boolean {
    return this.#meter.moved;
  }

  /** What went out and came in. */
  get bytes(): number {
    return this.#meter.bytes;
  }

  /** Destinations that were refused for want of a rule or of a person's word. */
  get refused(): readonly RefusedDestination[] {
    return [...this.#missed.values()];
  }

  /** End every connection of the run and remove its socket. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    // The parser detaches from a socket on CONNECT; an error without a listener would end the process.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** Count against the run's life limit. Past it nothing is parsed, decided or recorded but the first time. */
  async #withinLimit(via: Via): Promise<void> {
    const { allowed, first } = this.#meter.request();
    if (allowed) return;
    const refusal = EGRESS_CODES.error('EGRESS_LIMIT_REQUESTS');
    throw first ? await this.#refused(refusal, via) : refusal;
  }

  async #onConnect(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    try {
      await this.#withinLimit('connect');
      const target = await this.#connectTarget(request);
      const handle = await this.#enter(target, 'connect');
      try {
        await serveTunnel(
          {
            gate: this.#parts.gate,
            meter: this.#meter,
            serveHttp: (...tunnel) => this.#serveInner(...tunnel),
            serveIntercepted: (...tunnel) => this.#serveIntercepted(...tunnel),
          },
          socket,
          head,
          handle,
        );
      } catch (thrown) {
        const error = asGatehouseError(thrown);
        handle.finish({ sent: 0, received: 0, code: error.code });
        throw error;
      }
    } catch (thrown) {
      answerRefusalOn(socket, asGatehouseError(thrown));
    }
  }

  async #connectTarget(request: IncomingMessage): Promise<Target> {
    const raw = request.url ?? '';
    await this.#refuseHoneytoken([raw, ...request.rawHeaders], `a tunnel to ${raw}`, 'connect');
    const head = await this.#judged(judgeConnectHead(request.rawHeaders), raw, 'connect');
    const { target } = await this.#judged(judgeAuthority(raw), raw, 'connect');
    if (head.host !== undefined) await this.#sameHost(head.host, target, target.port, 'connect');
    return target;
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#withinLimit('http');
      const raw = request.url ?? '';
      await this.#refuseHoneytoken([raw, ...request.rawHeaders], 'a plain request', 'http');
      const head = await this.#head(request, 'http');
      const { url } = await this.#judged(judgeUrl(raw), raw, 'http');
      const { target } = url;
      await this.#sameHost(head.host ?? '', target, DEFAULT_HTTP_PORT, 'http');
      if (url.scheme !== 'http')
        throw await this.#refused(codedRefusal('EGRESS_SCHEME_REFUSED', target), 'http');
      await this.#judgePlain(request, head, target, url.path, 'http');
      const handle = await this.#enter(target, 'http');
      const what = { request, response, head, path: url.path, hostHeader: hostHeader(url) };
      handle.finish(await forward({ gate: this.#parts.gate, meter: this.#meter }, what, handle));
    } catch (thrown) {
      answerRefusal(response, asGatehouseError(thrown));
    }
  }

  /** Hand a tunnel's socket to a parser of our own, so that Host and form are judged inside it too (attacks 23, 25, 32). */
  #serveInner(socket: Socket, early: Buffer, handle: Handle): void {
    this.#tunnels.set(socket, handle);
    const onAbort = (): void => void socket.destroy();
    handle.signal.addEventListener('abort', onAbort);
    socket.once('close', () => handle.finish({ sent: socket.bytesRead, received: socket.bytesWritten }));
    socket.setTimeout(this.#parts.gate.limits.idleMs, () => socket.destroy());
    socket.unshift(early);
    this.#inner.emit('connection', socket);
    socket.resume();
  }

  #serveIntercepted(socket: Socket, early: Buffer, handle: Handle): Promise<void> {
    if (this.#intercept !== undefined) return this.#intercept.serve(socket, early, handle);
    throw codedRefusal('EGRESS_INTERCEPT_UNAVAILABLE', handle.passage.target, handle.passage.decision);
  }

  /** What a request in the clear may do: what its rules say of requests, and never carry a secret. */
  async #judgePlain(
    request: IncomingMessage,
    head: RequestHead,
    target: Target,
    path: string,
    via: Via,
  ): Promise<void> {
    const { gate, policyOf, identity, interception, mentions = interception?.secrets.mentions } = this.#parts;
    try {
      judgeRequest(policyOf(), target, { method: request.method ?? '', path }, gate.clock.now());
    } catch (thrown) {
      throw await this.#refused(asGatehouseError(thrown), via, path.split('?')[0] ?? '');
    }
    await this.#refuseHoneytoken([path, ...head.headers], `a request to ${target.host}`, via);
    const texts = [path, ...head.headers];
    if (mentions === undefined || !texts.some(mentions)) return;
    const refusal = codedRefusal('EGRESS_SECRET_IN_CLEAR', target);
    raiseMisuse(gate, identity, refusal);
    throw await this.#refused(refusal, via);
  }

  /** What was planted to be found leaves in no head (K4); what a decided request sends is watched as it goes. */
  async #refuseHoneytoken(texts: readonly string[], where: string, via: Via): Promise<void> {
    const { gate, identity } = this.#parts;
    const seen = { where: where.slice(0, MAX_WHERE), subject: identity, data: { via } };
    if (gate.tripwire.trips(texts.join('\n'), seen))
      throw await this.#refused(EGRESS_CODES.error('EGRESS_HONEYTOKEN'), via);
  }

  async #onInner(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const handle = this.#tunnels.get(request.socket);
    try {
      await this.#withinLimit('tunnel-http');
      if (handle === undefined) throw EGRESS_CODES.error('EGRESS_REQUEST_MALFORMED');
      const { target } = handle.passage;
      const head = await this.#head(request, 'tunnel-http');
      const path = request.url ?? '';
      if (!path.startsWith('/') || /[\x00-\x20\x7f-\uffff#]/.test(path)) {
        throw await this.#refused(codedRefusal('EGRESS_URL_INVALID', target), 'tunnel-http', path);
      }
      await this.#sameHost(head.host ?? '', target, DEFAULT_HTTP_PORT, 'tunnel-http');
      await this.#judgePlain(request, head, target, path, 'tunnel-http');
      const what = { request, response, head, path, hostHeader: hostHeader({ scheme: 'http', target }) };
      await forward({ gate: this.#parts.gate, meter: this.#meter }, what, handle);
    } catch (thrown) {
      answerRefusal(response, asGatehouseError(thrown));
    }
  }

  async #onInnerConnect(request: IncomingMessage, socket: Socket): Promise<void> {
    const refusal = EGRESS_CODES.error('EGRESS_METHOD_REFUSED');
    answerRefusalOn(socket, await this.#refused(refusal, 'tunnel-http', request.url ?? ''));
  }

  async #onClientError(cause: Error & { readonly code?: string }, socket: Socket): Promise<void> {
    if (socket.destroyed || cause.code === 'ECONNRESET' || cause.code === 'EPIPE') {
      socket.destroy();
      return;
    }
    const late = cause.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    const refusal = EGRESS_CODES.error(late ? 'EGRESS_LIMIT_TIME' : 'EGRESS_REQUEST_MALFORMED', undefined, {
      cause,
    });
    const { allowed } = this.#meter.request();
    answerRefusalOn(socket, allowed ? await this.#refused(refusal, 'http') : refusal);
  }

  async #head(request: IncomingMessage, via: Via): Promise<RequestHead> {
    const judged = judgeHead(request.method ?? '', request.httpVersion, request.rawHeaders);
    return (await this.#judged(judged, request.url ?? '', via)).head;
  }

  /** Host must name the very target (attacks 23, 24); without one there is nothing to compare, so it is refused. */
  async #sameHost(raw: string, target: Target, defaultPort: number, via: Via): Promise<void> {
    const judged = judgeAuthority(raw, defaultPort);
    if (judged.ok && judged.target.host === target.host && judged.target.port === target.port) return;
    throw await this.#refused(codedRefusal('EGRESS_HOST_MISMATCH', target), via, raw);
  }

  async #judged<T>(judged: Judged<T>, raw: string, via: Via): Promise<T> {
    if (judged.ok) return judged;
    throw await this.#refused(EGRESS_CODES.error(judged.code, judged.message), via, raw);
  }

  async #enter(target: Target, via: Via): Promise<Handle> {
    const { gate, policyOf, identity } = this.#parts;
    try {
      return await gate.enter(policyOf, identity, target, via, this.#meter);
    } catch (thrown) {
      this.#note(target, asGatehouseError(thrown).code);
      throw thrown;
    }
  }

  /** What a person could open: the first few, so that a flood of names asks for nothing (attack 94). */
  #note({ host, port }: Target, code: string): void {
    if (code !== 'EGRESS_HOST_NOT_ALLOWED' && code !== 'EGRESS_HOST_ASK') return;
    if (this.#missed.size < MAX_MISSED) this.#missed.set(`${host} ${port}`, { host, port, code });
  }

  #refused(refusal: GatehouseError, via: Via, raw?: string): Promise<GatehouseError> {
    return this.#parts.gate.refused(refusal, this.#parts.identity, via, raw);
  }
}
