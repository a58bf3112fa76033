import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { PeerFacts, Principal } from '../../controls/auth/types.ts';
import {
  inBlocks,
  judgeRequest,
  LISTEN_CODES,
  LISTEN_LIMITS,
  normaliseAddress,
} from '../../controls/listen/index.ts';
import { incomingTrace } from '../../controls/tracing/index.ts';
import type { GatehouseError } from '../../kernel/index.ts';
import type { Arrival, HttpSurfaceParts, Identity } from './parts.ts';
import { type ServerOptions, UNKNOWN_PEER } from './server.ts';
import { isSecure, sessionOf } from './session-cookie.ts';
import { transportIdentity } from './transport-identity.ts';

const BEARER = /^bearer +([\x21-\x7e]+)$/i;

/**
 * Judge a request before anything in it is used: its shape, Host, Origin, forwarding headers and target. The
 * WebSocket upgrade goes through here as well. The operator's socket has no Host or Origin to be tricked with; a
 * browser cannot open it.
 */
export function judgeArrival(
  parts: HttpSurfaceParts,
  request: IncomingMessage,
  identity: Identity,
  listener: ServerOptions = LOCAL,
): { readonly arrival: Arrival } | { readonly arrival: Arrival; readonly refusal: GatehouseError } {
  const fresh = randomUUID();
  const userAgent = request.headers['user-agent'] ?? '';
  if (identity === 'socket') {
    const peer = { address: 'unix', userAgent, surface: 'socket' } as const;
    return { arrival: { identity, trace: fresh, peer } };
  }
  const peer = normaliseAddress(request.socket.remoteAddress) ?? UNKNOWN_PEER;
  const { headers, rawHeaders } = request;
  const facts = { target: request.url ?? '', headers, rawHeaders, peer };
  const verdict = judgeRequest(facts, parts.rules(), (parts.limits ?? LISTEN_LIMITS).headerCount);
  const { plane } = listener;
  const fromProxy = inBlocks(parts.rules().trustedProxies, peer);
  const told = fromProxy ? incomingTrace(headers) : undefined;
  const trace = told?.trace ?? fresh;
  if (told?.parent !== undefined) parts.onParent?.(trace, told.parent);
  const published = plane !== 'admin' && (listener.exposed || fromProxy);
  const proven = 'address' in verdict ? transportIdentity(parts, request, peer) : verdict;
  if ('address' in verdict && !('refusal' in proven)) {
    const facts = { ...peerFacts(verdict.address, userAgent, plane), published, ...proven };
    const late = lateRefusal(parts, listener, facts.address, peer);
    const arrival = { identity, trace, peer: facts };
    if (late === undefined) return { arrival };
    parts.auth.recordRefusal(late.code, facts);
    return { arrival, refusal: late };
  }
  const { refusal } = proven as { readonly refusal: GatehouseError };
  const arrival = { identity, trace, peer: peerFacts(peer, userAgent, plane) };
  parts.auth.recordRefusal(refusal.code, arrival.peer);
  return { arrival, refusal };
}

/** As `judgeArrival`, with the browser session that the upgrade shows: its Origin must be ours. */
export function judgeUpgrade(
  parts: HttpSurfaceParts,
  request: IncomingMessage,
  identity: Identity,
  listener?: ServerOptions,
): ReturnType<typeof judgeArrival> {
  const verdict = judgeArrival(parts, request, identity, listener);
  if ('refusal' in verdict || identity === 'socket') return verdict;
  const { arrival } = verdict;
  const { secret, refusal } = shownSession(parts, request, arrival, true);
  if (refusal === undefined)
    return secret === undefined ? verdict : { arrival: { ...arrival, session: secret } };
  parts.auth.recordRefusal(refusal.code, arrival.peer);
  return { arrival, refusal };
}

function shownSession(
  parts: HttpSurfaceParts,
  request: IncomingMessage,
  { peer }: Arrival,
  isUpgrade: boolean,
) {
  const secure = isSecure(request, parts.rules().trustedProxies);
  return sessionOf(request, { secure, address: peer.address, isUpgrade });
}

/** A listener of this machine alone, for servers that say nothing else. */
const LOCAL: ServerOptions = { plane: 'users', exposed: false };

/** The allow-list counts for the client behind a proxy too, and a flood is turned away before it costs anything. */
function lateRefusal(
  parts: HttpSurfaceParts,
  listener: ServerOptions,
  address: string,
  tcpPeer: string,
): GatehouseError | undefined {
  if (address !== tcpPeer && listener.admits?.(address) === false) {
    return LISTEN_CODES.error('LISTEN_ADDRESS_NOT_ALLOWED');
  }
  return rateRefusal(parts.rates?.address(address));
}

/** LISTEN_RATE_LIMITED when there is something to wait for. */
export function rateRefusal(waitMs: number | undefined): GatehouseError | undefined {
  if (waitMs === undefined || waitMs === 0) return undefined;
  return LISTEN_CODES.error('LISTEN_RATE_LIMITED', undefined, { details: { retryAfterMs: waitMs } });
}

function peerFacts(address: string, userAgent: string, plane: PeerFacts['plane'] & string): PeerFacts {
  return { address, userAgent, surface: 'http', plane };
}

/** Who calls. Over the operator's socket nothing needs to be shown; everywhere else all that is shown must hold. */
export async function principalOf(
  parts: HttpSurfaceParts,
  arrival: Arrival,
  request: IncomingMessage,
): Promise<Principal> {
  if (arrival.identity === 'socket') return parts.auth.localOperator();
  const { authorization } = request.headers;
  const { secret, refusal } = shownSession(parts, request, arrival, false);
  if (refusal !== undefined) {
    parts.auth.recordRefusal(refusal.code, arrival.peer);
    throw refusal;
  }
  const bearer = authorization === undefined ? undefined : (BEARER.exec(authorization)?.[1] ?? '');
  return parts.auth.authenticateRequest({ bearer, session: secret }, arrival.peer);
}
