import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import type { Plane } from '../../controls/auth/types.ts';
import { ConnectionGate, LISTEN_CODES, LISTEN_LIMITS, Receiving } from '../../controls/listen/index.ts';
import { GatehouseError } from '../../kernel/index.ts';
import type { Caller } from '../../operations/define.ts';
import { asHttpError, openAiFailure, operationFailure, retryAfter } from './errors.ts';
import { SECURITY_HEADERS } from './headers.ts';
import { judgeArrival, judgeUpgrade, principalOf, rateRefusal } from './identity.ts';
import { acceptJsonOnly } from './json-body.ts';
import { addLogin } from './login.ts';
import { addMetrics } from './metrics.ts';
import { OpenAnswers } from './open-answers.ts';
import { addOpenAi } from './openai/routes.ts';
import { addOperations, OPERATION_PREFIX } from './operations.ts';
import type { Arrival, HttpSurfaceParts, Identity, RequestState } from './parts.ts';
import { addProbes } from './probes.ts';
import { boundReceiving } from './receiving.ts';
import { boundedServer, remoteEnd, type ServerOptions } from './server.ts';
import { addToolsInvoke } from './tools-invoke.ts';

export interface HttpSurface {
  /**
   * A server that does not listen yet. All servers of a surface share one application and, for TCP, one count of
   * connections. The WebSocket upgrade is attached to it by `processes/`.
   */
  server(identity: Identity, options?: ServerOptions): Server;
  /** Judge a WebSocket upgrade exactly like a request. A refusal is already recorded. */
  judge(
    request: IncomingMessage,
    identity: Identity,
    options?: ServerOptions,
  ): { readonly arrival: Arrival } | { readonly arrival: Arrival; readonly refusal: GatehouseError };
  /**
   * Somebody authenticated on this connection: it no longer counts among the unauthenticated.
   *
   * @returns false when the principal holds as many connections as one may
   */
  authenticated(socket: Socket, principal: string): boolean;
  /** Stop taking connections; resolves when the open requests have ended. */
  close(): Promise<void>;
}

const NO_SCHEMAS = () => {
  throw new GatehouseError('KERNEL_INTERNAL', 'routes have no schemas');
};

const METRICS = /^\/metrics(\?|$)/;

/** Known paths and what they take, for 405 and its Allow header (RFC 9110 section 15.5.6). */
const ALLOWED: readonly (readonly [path: RegExp, allow: string])[] = [
  [/^\/(healthz?|readyz?|startupz?)$/, 'GET, HEAD'],
  [/^\/openapi\.json$/, 'GET'],
  [METRICS, 'GET'],
  [/^\/v1\/models(\/.+)?$/, 'GET'],
  [/^\/v1\/chat\/completions$/, 'POST'],
  [/^\/tools\/invoke$/, 'POST'],
  [/^\/(login|session)$/, 'GET'],
  [/^\/login\/session$/, 'GET, POST, DELETE'],
  [/^\/api\/v1\/[^/]+$/, 'POST'],
];

/** The HTTP surface: translates bytes, decides nothing. Resolves when its routes are ready. */
export async function createHttpSurface(parts: HttpSurfaceParts): Promise<HttpSurface> {
  const limits = parts.limits ?? LISTEN_LIMITS;
  const gate = new ConnectionGate<Socket>(() => ({ ...limits, ...parts.connections?.() }));
  const receiving = parts.receiving ?? new Receiving(limits);
  const identities = new WeakMap<IncomingMessage, Identity>();
  const listeners = new WeakMap<IncomingMessage, ServerOptions>();
  const below = new Map<string, Socket>();
  const silent = new Set<Socket>();
  const answers = new OpenAnswers();
  const settle = (socket: Socket, principal: string) =>
    gate.authenticated(below.get(remoteEnd(socket)) ?? socket, principal);
  const state = requestState(parts, settle, answers);
  const judged = (request: FastifyRequest, reply: FastifyReply): GatehouseError | undefined => {
    reply.headers(SECURITY_HEADERS);
    const listener = listeners.get(request.raw) ?? { plane: 'users', exposed: false };
    if (listener.tls !== undefined) reply.header('strict-transport-security', HSTS);
    const verdict = judgeArrival(parts, request.raw, identities.get(request.raw) ?? 'token', listener);
    state.arrive(request.raw, verdict.arrival);
    return 'refusal' in verdict ? verdict.refusal : undefined;
  };
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    trustProxy: false,
    requestIdHeader: false,
    // No route has a schema for Fastify: operations check their own. Its compilers are 1.5 MB of memory for nothing.
    schemaController: { compilersFactory: { buildValidator: NO_SCHEMAS, buildSerializer: NO_SCHEMAS } },
    // A target that the router cannot read runs no hook: it is judged here, and its text is not repeated.
    frameworkErrors: (thrown, request, reply) =>
      answerFailure(parts, judged(request, reply) ?? thrown, request, reply),
  });
  acceptJsonOnly(app);
  boundReceiving(app, receiving, state);

  app.addHook('onRequest', async (request, reply) => {
    const refusal = judged(request, reply);
    if (refusal !== undefined) throw refusal;
    // Answered here, so that no body is read for a path that does not exist.
    const plane = listeners.get(request.raw)?.plane ?? 'users';
    if (request.is404 || !offers(plane, request.url)) return answerUnknown(request, reply, plane);
  });
  app.setErrorHandler((thrown, request, reply) => answerFailure(parts, thrown, request, reply));
  addProbes(app, parts, state);
  addOperations(app, parts, state);
  addToolsInvoke(app, parts, state);
  addOpenAi(app, parts, state);
  addLogin(app, parts, state);
  addMetrics(app, parts, state);
  await app.ready();
  const stopListening = parts.auth.onRevoked((credentialId) => answers.end(credentialId));

  const servers: Server[] = [];
  return {
    server(identity, options = { plane: 'users', exposed: false }) {
      const server = boundedServer({
        limits,
        gate: identity === 'token' ? gate : undefined,
        options,
        below,
        silent,
        onRefused: (code, address) =>
          parts.auth.recordRefusal(code, { address, userAgent: '', surface: 'http', plane: options.plane }),
        handler: (request, response) => {
          identities.set(request, identity);
          listeners.set(request, options);
          if (options.plane === 'webhooks') takeDelivery(parts, request, response, options);
          else app.routing(request, response);
        },
      });
      servers.push(server);
      return server;
    },
    judge: (request, identity, options) => judgeUpgrade(parts, request, identity, options),
    authenticated: settle,
    close: async () => {
      const ended = servers.map(closed);
      for (const socket of silent) socket.destroy();
      await Promise.all(ended);
      await app.close();
      stopListening();
    },
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

function requestState(
  parts: HttpSurfaceParts,
  settle: (socket: Socket, principal: string) => boolean,
  answers: OpenAnswers,
): RequestState & { arrive(request: IncomingMessage, arrival: Arrival): void } {
  const arrivals = new WeakMap<IncomingMessage, Arrival>();
  const callers = new WeakMap<IncomingMessage, Caller>();
  const arrivalOf = (request: IncomingMessage): Arrival => known(arrivals.get(request));
  return {
    arrive: (request, arrival) => void arrivals.set(request, arrival),
    arrivalOf,
    callerOf: (request) => known(callers.get(request)),
    whose: (request) => callers.get(request)?.principal.id ?? arrivalOf(request).peer.address,
    authenticate: async (request, reply) => {
      const arrival = arrivalOf(request.raw);
      const principal = await principalOf(parts, arrival, request.raw);
      const limited = settle(request.raw.socket, principal.id)
        ? rateRefusal(parts.rates?.principal(principal.id))
        : LISTEN_CODES.error('LISTEN_TOO_MANY_CONNECTIONS', undefined, {
            details: { retryAfterMs: RETRY_MS },
          });
      if (limited !== undefined) {
        parts.auth.recordRefusal(limited.code, arrival.peer, principal);
        if (limited.code === 'LISTEN_TOO_MANY_CONNECTIONS') reply.header('connection', 'close');
        throw limited;
      }
      answers.add(principal.credentialId, reply.raw);
      // Whoever disables a principal ends what came in by its identities too.
      answers.add(principal.id, reply.raw);
      const surface = arrival.identity === 'socket' ? 'socket' : 'http';
      callers.set(
        request.raw,
        parts.callerOf(principal, surface, arrival.trace, arrival.peer.published === true),
      );
    },
  };
}

/** A request that skipped its hook has no caller and gets no further. */
function known<T>(value: T | undefined): T {
  if (value === undefined) throw new GatehouseError('KERNEL_INTERNAL', 'this request was not judged');
  return value;
}

/** The client left while it was sending: nobody reads an answer, and it is no failure of the gateway's. */
function isDisconnect(thrown: unknown): boolean {
  return (thrown as NodeJS.ErrnoException | null)?.code === 'ECONNRESET';
}

function answerFailure(
  parts: HttpSurfaceParts,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = asHttpError(thrown);
  if (error !== thrown && error.status >= 500 && !isDisconnect(thrown)) {
    const cause = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    parts.logger.error('a request failed unexpectedly', { route: request.routeOptions.url, cause });
  }
  const wait = retryAfter(error);
  if (wait !== undefined) reply.header('retry-after', wait);
  if (error.status === 401) reply.header('www-authenticate', 'Bearer');
  closeUnread(request, reply);
  const isOperation = request.url.startsWith(OPERATION_PREFIX);
  return reply.code(error.status).send(isOperation ? operationFailure(error) : openAiFailure(error));
}

/** Milliseconds after which somebody with too many connections may try again. */
const RETRY_MS = 1_000;
/** A year, as browsers ask for before they believe it (RFC 6797). */
const HSTS = 'max-age=31536000';
const PROBE = /^\/(healthz?|readyz?|startupz?)(\?|$)/;

/** What a plane's port answers at all; nothing there tells that the rest exists (L3). */
function offers(plane: Plane, url: string): boolean {
  if (plane === 'metrics') return PROBE.test(url) || METRICS.test(url);
  return plane !== 'webhooks' && !METRICS.test(url);
}

/** A delivery of a chat platform: judged like every request, then handed on as bytes. */
function takeDelivery(
  parts: HttpSurfaceParts,
  request: IncomingMessage,
  response: ServerResponse,
  options: ServerOptions,
): void {
  const verdict = judgeArrival(parts, request, 'token', options);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  if (options.tls !== undefined) response.setHeader('strict-transport-security', HSTS);
  if (!('refusal' in verdict) && parts.webhooks !== undefined) {
    return parts.webhooks(request, response, verdict.arrival.peer);
  }
  response.statusCode = 'refusal' in verdict ? verdict.refusal.status : 404;
  response.setHeader('connection', 'close');
  response.end();
}

function answerUnknown(request: FastifyRequest, reply: FastifyReply, plane: Plane): FastifyReply {
  const path = request.url.split('?', 1)[0] ?? '';
  const allow =
    METRICS.test(path) !== (plane === 'metrics' && !PROBE.test(path))
      ? undefined
      : ALLOWED.find(([known]) => known.test(path))?.[1];
  closeUnread(request, reply);
  reply.type('text/plain; charset=utf-8');
  if (allow === undefined) return reply.code(404).send('Not Found');
  return reply.code(405).header('allow', allow).send('Method Not Allowed');
}

/** A body that nobody wants is not read to its end (attack 91). */
function closeUnread(request: FastifyRequest, reply: FastifyReply): void {
  if (!request.raw.complete) reply.header('connection', 'close');
}
