import type { GatehouseError } from '../../kernel/index.ts';
import { inBlocks, normaliseAddress } from './addresses.ts';
import { LISTEN_CODES } from './codes.ts';

/** Host names and origins a listener answers for, and the proxies it believes. Empty lists allow nothing more. */
export interface RequestRules {
  /** Names or addresses, without a port, in lower case; IPv6 without brackets. */
  readonly allowedHosts: readonly string[];
  /** Whole origins, for example `https://gate.example.org`. */
  readonly allowedOrigins: readonly string[];
  /** Addresses or CIDR blocks of reverse proxies. */
  readonly trustedProxies: readonly string[];
}

/**
 * The names of a loopback listener. Any port is right, because an SSH tunnel may end on another one; a name that
 * a hostile DNS server could point here never is (attack 77).
 */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '::1'];

const HOST = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?))(?::([1-9]\d{0,4}))?$/;

/** Host name or address in a Host header (RFC 9110 section 7.2), or undefined when it is not a plain one. */
function hostName(header: string): string | undefined {
  const parts = HOST.exec(header.toLowerCase());
  if (parts === null || Number(parts[3] ?? 0) > 65_535) return undefined;
  if (parts[1] === undefined) return parts[2];
  // RFC 3986 section 3.2.2: brackets are for IPv6 alone.
  return parts[1].includes(':') ? normaliseAddress(parts[1]) : undefined;
}

/** Refuse a Host that this listener does not answer for: DNS rebinding ends here. */
export function checkHost(
  header: string | undefined,
  allowedHosts: readonly string[],
): GatehouseError | undefined {
  const name = header === undefined ? undefined : hostName(header);
  if (name !== undefined && allowedHosts.includes(name)) return undefined;
  return LISTEN_CODES.error('LISTEN_HOST_NOT_ALLOWED');
}

/**
 * Refuse requests that a page of another site makes. A missing Origin is no browser, or a navigation, which
 * Sec-Fetch-Site tells (Fetch metadata, W3C); `null` is any sandboxed frame or local file and is always refused.
 */
export function checkOrigin(
  origin: string | undefined,
  fetchSite: string | undefined,
  host: string,
  allowedOrigins: readonly string[],
): GatehouseError | undefined {
  if (origin !== undefined) {
    const isOwn = origin === `http://${host}` || origin === `https://${host}`;
    if (!isOwn && !allowedOrigins.includes(origin)) return LISTEN_CODES.error('LISTEN_ORIGIN_NOT_ALLOWED');
    return undefined;
  }
  if (fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none') return undefined;
  return LISTEN_CODES.error('LISTEN_ORIGIN_NOT_ALLOWED');
}

const FORWARDING =
  /^(forwarded|x-forwarded(-.*)?|x-real-ip|x-client-ip|x-cluster-client-ip|x-original-(for|host|url)|x-rewrite-url|x-envoy-external-address|cf-connecting-ip(v6)?|true-client-ip|fastly-client-ip|fly-client-ip)$/;
/** Hops read from X-Forwarded-For. */
const MAX_HOPS = 16;

/**
 * Who the peer is. Forwarding headers from anybody but a listed proxy refuse the request (L6, attack 79); from a
 * listed proxy the address is the last one in X-Forwarded-For that is no listed proxy itself, because everything
 * left of it was written by the client.
 */
export function checkForwarded(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  peer: string,
  trustedProxies: readonly string[],
): { readonly address: string } | { readonly refusal: GatehouseError } {
  const names = Object.keys(headers).filter((name) => FORWARDING.test(name.toLowerCase()));
  if (names.length === 0) return { address: peer };
  const refusal = LISTEN_CODES.error('LISTEN_PROXY_NOT_TRUSTED');
  if (!inBlocks(trustedProxies, peer)) return { refusal };
  const value = headers['x-forwarded-for'];
  const hops = (typeof value === 'string' ? value : (value ?? []).join(','))
    .split(',')
    .map((hop) => hop.trim());
  if (hops.length > MAX_HOPS) return { refusal };
  for (const hop of hops.reverse()) {
    const address = normaliseAddress(hop);
    if (address === undefined) return { refusal };
    if (!inBlocks(trustedProxies, address)) return { address };
  }
  return { refusal };
}

/** Headers that mean two different requests when they are sent twice (attacks 24, 27). */
const ONCE = ['host', 'authorization', 'content-length', 'content-type', 'origin', 'transfer-encoding'];

/** Refuse what two parsers could read in two ways: repeated headers, a target that is not a path. */
function checkShape(
  target: string,
  rawHeaders: readonly string[],
  headerCount: number,
): GatehouseError | undefined {
  if (rawHeaders.length / 2 > headerCount) return LISTEN_CODES.error('LISTEN_HEADERS_TOO_LARGE');
  if (!target.startsWith('/') || target.startsWith('//') || /[\\#\s]/.test(target)) {
    return LISTEN_CODES.error('LISTEN_REQUEST_MALFORMED');
  }
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (ONCE.includes(name) && seen.has(name)) return LISTEN_CODES.error('LISTEN_REQUEST_MALFORMED');
    seen.add(name);
  }
  if (seen.has('content-length') && seen.has('transfer-encoding')) {
    return LISTEN_CODES.error('LISTEN_REQUEST_MALFORMED');
  }
  return undefined;
}

/**
 * Refuse a transfer coding that nobody here takes off again (RFC 9112 section 6.1): the body that was read would not
 * be the one that was meant.
 */
function checkCoding(coding: string | undefined): GatehouseError | undefined {
  if (coding === undefined || coding.trim().toLowerCase() === 'chunked') return undefined;
  return LISTEN_CODES.error('LISTEN_REQUEST_MALFORMED');
}

/** Whole words, or words that a name ends with, also without a separator: `authToken`, `x-api-key`. */
const SECRET_PARAMETER =
  /^(.*[_.-])?(auth|key|pwd)$|(token|authorization|bearer|api_?key|secret|password|passwd|credentials?)$/;
const MAX_DECODINGS = 3;

/** Refuse a credential in the target, whatever it is called and wherever it stands (L4, attack 83). */
export function checkTarget(target: string): GatehouseError | undefined {
  const refusal = LISTEN_CODES.error('LISTEN_TOKEN_IN_URL');
  if (holdsToken(target)) return refusal;
  const query = target.indexOf('?');
  if (query < 0) return undefined;
  for (const name of new URLSearchParams(target.slice(query + 1)).keys()) {
    // `auth[token]` names two keys in most frameworks.
    const parts = name.toLowerCase().split(/[[\]]/);
    if (parts.some((part) => SECRET_PARAMETER.test(part.trim()))) return refusal;
  }
  return undefined;
}

/** Whether a token stands in the text, also with any of its letters percent-encoded, once or more. */
function holdsToken(text: string): boolean {
  let current = text;
  for (let i = 0; i <= MAX_DECODINGS; i++) {
    if (/gth_/i.test(current)) return true;
    const next = current.replace(/%([2-7][0-9a-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (next === current) return false;
    current = next;
  }
  return false;
}

/** What a transport hands over of one request. Header names are in lower case. */
export interface RequestFacts {
  readonly target: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly rawHeaders: readonly string[];
  /** Canonical address of the TCP peer. */
  readonly peer: string;
}

/**
 * Everything that is judged before a byte of the request means anything, for HTTP and for the WebSocket upgrade.
 *
 * @returns the client's address, or the refusal
 */
export function judgeRequest(
  facts: RequestFacts,
  rules: RequestRules,
  headerCount: number,
): { readonly address: string } | { readonly refusal: GatehouseError } {
  const { headers } = facts;
  const host = single(headers['host']);
  const refusal =
    checkShape(facts.target, facts.rawHeaders, headerCount) ??
    checkCoding(single(headers['transfer-encoding'])) ??
    checkTarget(facts.target) ??
    checkHost(host, rules.allowedHosts) ??
    checkOrigin(
      single(headers['origin']),
      single(headers['sec-fetch-site']),
      host ?? '',
      rules.allowedOrigins,
    );
  if (refusal !== undefined) return { refusal };
  return checkForwarded(headers, facts.peer, rules.trustedProxies);
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.join(',');
}
