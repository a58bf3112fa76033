import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { PeerFacts, Principal } from '../../controls/auth/types.ts';
import { judgeRequest, LISTEN_LIMITS, normaliseAddress } from '../../controls/listen/index.ts';
import type { GatehouseError } from '../../kernel/index.ts';
import type { Arrival, HttpSurfaceParts, Identity } from './parts.ts';
import { UNKNOWN_PEER } from './server.ts';
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
): { readonly arrival: Arrival } | { readonly arrival: Arrival; readonly refusal: GatehouseError } {
  const trace = randomUUID();
  const userAgent = request.headers['user-agent'] ?? '';
  if (identity === 'socket') {
    return { arrival: { identity, trace, peer: { address: 'unix', userAgent, surface: 'socket' } } };
  }
  const peer = normaliseAddress(request.socket.remoteAddress) ?? UNKNOWN_PEER;
  const { headers, rawHeaders } = request;
  const facts = { target: request.url ?? '', headers, rawHeaders, peer };
  const verdict = judgeRequest(facts, parts.rules(), (parts.limits ?? LISTEN_LIMITS).headerCount);
  const proven = 'address' in verdict ? transportIdentity(parts, request, peer) : verdict;
  if ('address' in verdict && !('refusal' in proven)) {
    return { arrival: { identity, trace, peer: { ...peerFacts(verdict.address, userAgent), ...proven } } };
  }
  const { refusal } = proven as { readonly refusal: GatehouseError };
  const arrival = { identity, trace, peer: peerFacts(peer, userAgent) };
  parts.auth.recordRefusal(refusal.code, arrival.peer);
  return { arrival, refusal };
}

/** As `judgeArrival`, with the browser session that the upgrade shows: its Origin must be ours. */
export function judgeUpgrade(
  parts: HttpSurfaceParts,
  request: IncomingMessage,
  identity: Identity,
): ReturnType<typeof judgeArrival> {
  const verdict = judgeArrival(parts, request, identity);
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

function peerFacts(address: string, userAgent: string): PeerFacts {
  return { address, userAgent, surface: 'http' };
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
