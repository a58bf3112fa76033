import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { PeerFacts, Principal } from '../../controls/auth/types.ts';
import { judgeRequest, LISTEN_LIMITS, normaliseAddress } from '../../controls/listen/index.ts';
import type { GatehouseError } from '../../kernel/index.ts';
import type { Arrival, HttpSurfaceParts, Identity } from './parts.ts';
import { UNKNOWN_PEER } from './server.ts';

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
  if ('address' in verdict) {
    return { arrival: { identity, trace, peer: peerFacts(verdict.address, userAgent) } };
  }
  const arrival = { identity, trace, peer: peerFacts(peer, userAgent) };
  parts.auth.recordRefusal(verdict.refusal.code, arrival.peer);
  return { arrival, refusal: verdict.refusal };
}

function peerFacts(address: string, userAgent: string): PeerFacts {
  return { address, userAgent, surface: 'http' };
}

/** Who calls. Over the operator's socket nothing needs to be shown; everywhere else only a valid token counts. */
export async function principalOf(
  parts: HttpSurfaceParts,
  arrival: Arrival,
  authorization: string | undefined,
): Promise<Principal> {
  if (arrival.identity === 'socket') return parts.auth.localOperator();
  const token = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
  return parts.auth.authenticateToken(token, arrival.peer);
}
