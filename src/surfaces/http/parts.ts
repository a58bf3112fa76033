import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProxyIdentitySettings } from '../../controls/auth/index.ts';
import type { AuthService, PeerFacts, Principal } from '../../controls/auth/types.ts';
import type { ListenLimits, Receiving, RequestRules } from '../../controls/listen/index.ts';
import type { Logger } from '../../kernel/index.ts';
import type { Caller, Dispatcher } from '../../operations/define.ts';
import type { RuntimeService } from '../../operations/services.ts';

/** What the HTTP surface needs of authentication. */
export interface HttpAuth
  extends Pick<AuthService, 'authenticateRequest' | 'localOperator' | 'onRevoked' | 'browser'> {
  /** `principal`: who it was, when that is known. */
  recordRefusal(code: string, peer: PeerFacts, principal?: Principal): void;
}

export interface HttpSurfaceParts {
  readonly dispatcher: Dispatcher;
  readonly auth: HttpAuth;
  /** `published`: the request came from outside this machine, so administration is not offered (L3). */
  readonly callerOf: (
    principal: Principal,
    surface: Caller['surface'],
    trace: string,
    published: boolean,
  ) => Caller;
  /** Milliseconds that this client has to wait, 0 for none; absent allows everything (L9). */
  readonly rates?: {
    address(address: string): number;
    principal(principal: string): number;
  };
  /** Deliveries of chat platforms, on their own listener; absent where no channel takes any. */
  readonly webhooks?: (request: IncomingMessage, response: ServerResponse, peer: PeerFacts) => void;
  readonly runtime: Pick<RuntimeService, 'version' | 'startedAt' | 'ready'>;
  readonly logger: Logger;
  /** Read at every request, so that a reload takes effect at once. */
  readonly rules: () => RequestRules;
  /** Headers in which listed proxies say whom they have authenticated; read at every request. */
  readonly proxyIdentity?: () => ProxyIdentitySettings | undefined;
  /** A listed proxy said which span of its own this trace belongs below. */
  readonly onParent?: (trace: string, spanId: string) => void;
  readonly limits?: ListenLimits;
  /** Bounds of all connections that the configuration sets; read at every connection. */
  readonly connections?: () => Pick<ListenLimits, 'connections' | 'connectionsPerPrincipal'>;
  /** What is being received over all surfaces. */
  readonly receiving?: Receiving;
  /** Whether /v1/* is served; read at every request. */
  readonly openai?: () => boolean;
}

/** How a server's callers prove who they are: a token over TCP, or by having opened the operator's socket. */
export type Identity = 'token' | 'socket';

/** What the transport knows of a request before anybody is authenticated. */
export interface Arrival {
  readonly identity: Identity;
  readonly peer: PeerFacts;
  readonly trace: string;
  /** Secret of the browser session that a WebSocket upgrade showed. */
  readonly session?: string;
}

/** What the surface knows about a request from its transport; nothing here is read from the request itself. */
export interface RequestState {
  arrivalOf(request: IncomingMessage): Arrival;
  callerOf(request: IncomingMessage): Caller;
  /** Id of the principal, or the address of somebody who is not known. */
  whose(request: IncomingMessage): string;
  /** Hook of routes that need a caller. It runs before the body is read. */
  readonly authenticate: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
}
