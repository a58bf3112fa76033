import type { IncomingMessage } from 'node:http';
import { AUTH_CODES } from '../../controls/auth/index.ts';
import { inBlocks, isLoopback, normaliseAddress } from '../../controls/listen/index.ts';
import type { GatehouseError } from '../../kernel/index.ts';

/** Over TLS; the prefix keeps other hosts and plain pages from setting it (RFC 6265bis section 4.1.3.2). */
export const SECURE_COOKIE = '__Host-gatehouse';
/** On this machine without TLS, where a browser would not send a Secure one. */
export const PLAIN_COOKIE = 'gatehouse_session';

/** Whether the browser reached us, or a listed proxy that says so, over TLS. */
export function isSecure(request: IncomingMessage, trustedProxies: readonly string[]): boolean {
  if ((request.socket as { readonly encrypted?: boolean }).encrypted === true) return true;
  const peer = normaliseAddress(request.socket.remoteAddress);
  return (
    peer !== undefined && inBlocks(trustedProxies, peer) && request.headers['x-forwarded-proto'] === 'https'
  );
}

/** Whether a session may travel this way: over TLS, or without leaving this machine. */
export function isPrivate(secure: boolean, address: string): boolean {
  return secure || isLoopback(address);
}

export interface ShownSession {
  readonly secret?: string;
  readonly refusal?: GatehouseError;
}

/**
 * The browser session that a request shows. Browsers send cookies whoever made the request, so one counts only
 * when a page of our own made it: on everything that changes something and on a WebSocket upgrade its Origin must be
 * ours, by scheme, name and port; cookies know no ports, and another program of this machine may serve pages too
 * (attack 77). Two cookies of our name are somebody else's doing.
 */
export function sessionOf(
  request: IncomingMessage,
  where: { readonly secure: boolean; readonly address: string; readonly isUpgrade: boolean },
): ShownSession {
  const { secure, address, isUpgrade } = where;
  if (!isPrivate(secure, address)) return {};
  const values = cookiesNamed(request.headers.cookie ?? '', secure ? SECURE_COOKIE : PLAIN_COOKIE);
  const [secret] = values;
  if (secret === undefined) return {};
  if (values.length > 1) return { refusal: AUTH_CODES.error('AUTH_SESSION_INVALID') };
  const isReading = !isUpgrade && (request.method === 'GET' || request.method === 'HEAD');
  return isOwn(request, secure, isReading)
    ? { secret }
    : { refusal: AUTH_CODES.error('AUTH_SESSION_ORIGIN') };
}

/** Whether a page of this very gateway made the request. A navigation may read, and nothing else. */
export function isOwn(request: IncomingMessage, secure: boolean, isReading = false): boolean {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (origin !== undefined) return origin === `${secure ? 'https' : 'http'}://${host ?? ''}`;
  return site === 'same-origin' || (isReading && (site === undefined || site === 'none'));
}

function cookiesNamed(header: string, name: string): readonly string[] {
  return header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}

/** Set-Cookie for a fresh session, or with an empty value to forget it. No script can read it (A7). */
export function cookieHeader(secret: string, secure: boolean): string {
  const name = secure ? SECURE_COOKIE : PLAIN_COOKIE;
  const age = secret === '' ? '; Max-Age=0' : '';
  return `${name}=${secret}; Path=/; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}${age}`;
}
