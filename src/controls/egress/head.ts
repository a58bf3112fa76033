import type { EgressCode } from './codes.ts';
import type { Judged } from './host.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** RFC 9110 section 7.6.1: meant for this hop only, never passed on. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
]);

/** What a client may not tell an upstream about who asked and through what (attack 31). */
const NOT_FROM_CLIENTS = new Set(['forwarded', 'via', 'x-real-ip', 'client-ip', 'true-client-ip', 'alt-svc']);

/** Frameworks and proxies let these replace the method or the path that was judged (attacks 33, 34). */
const OVERRIDES = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-method',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-override-url',
]);

/** Servers that speak CGI or WSGI read these as the header with hyphens; whoever sends them means that. */
const READ_AS_FRAMING = new Set(['content_length', 'transfer_encoding']);

/** Connection may name these (an Upgrade header itself is refused); any other name would make one hop drop a header that another relied on (attack 29). */
const CONNECTION_OPTIONS = new Set([
  'close',
  'keep-alive',
  'te',
  'proxy-connection',
  'upgrade',
  'http2-settings',
  '',
]);

const AT_MOST_ONCE = ['host', 'content-length', 'transfer-encoding'] as const;

export interface RequestHead {
  readonly host: string | undefined;
  /** What may be passed on, flat as Node takes it, without Host and without framing. */
  readonly headers: readonly string[];
  /** How the body is framed towards the upstream. */
  readonly framing: readonly string[];
}

function refuse(code: EgressCode, message: string): Judged<never> {
  return { ok: false, code, message };
}

/**
 * Judge a request's head by its raw headers. Node's parser has already refused bare LF, folded lines and NUL
 * (it runs in strict mode); here nothing that two parsers could read differently is left (attacks 23 to 35).
 */
export function judgeHead(
  method: string,
  version: string,
  rawHeaders: readonly string[],
): Judged<{ readonly head: RequestHead }> {
  if (!METHODS.has(method))
    return refuse('EGRESS_METHOD_REFUSED', 'this HTTP method does not go through egress');
  const single = singleHeaders(rawHeaders);
  if (single === undefined)
    return refuse('EGRESS_REQUEST_MALFORMED', 'Host or a length header is there twice');
  const { host, 'content-length': length, 'transfer-encoding': coding } = single;
  if (length !== undefined && coding !== undefined) {
    return refuse('EGRESS_REQUEST_MALFORMED', 'both Content-Length and Transfer-Encoding are there');
  }
  if (length !== undefined && !/^(?:0|[1-9][0-9]{0,15})$/.test(length)) {
    return refuse('EGRESS_REQUEST_MALFORMED', 'Content-Length is not a plain number');
  }
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || version !== '1.1')) {
    return refuse('EGRESS_REQUEST_MALFORMED', 'Transfer-Encoding is not exactly `chunked` in HTTP/1.1');
  }
  const kept: string[] = [];
  for (const [name, lower, value] of pairs(rawHeaders)) {
    if (lower === 'upgrade' || lower === 'http2-settings') {
      return refuse('EGRESS_UPGRADE_REFUSED', 'protocol upgrades do not go through plain-HTTP forwarding');
    }
    if (OVERRIDES.has(lower.replaceAll('_', '-'))) {
      return refuse('EGRESS_HEADER_REFUSED', 'a header overrides the method or the path');
    }
    if (READ_AS_FRAMING.has(lower)) {
      return refuse('EGRESS_REQUEST_MALFORMED', 'a header looks like the length of the body to some servers');
    }
    if (lower === 'connection' && !plainConnection(value)) {
      return refuse('EGRESS_HEADER_REFUSED', 'Connection names a header that is not meant for one hop');
    }
    if (lower === 'host' || lower === 'content-length' || dropped(lower)) continue;
    kept.push(name, value);
  }
  const framing =
    coding !== undefined
      ? ['transfer-encoding', 'chunked']
      : length !== undefined
        ? ['content-length', length]
        : [];
  return { ok: true, head: { host, headers: kept, framing } };
}

/** A CONNECT carries no body and no framing: what follows its head belongs to the tunnel (RFC 9110 section 9.3.6). */
export function judgeConnectHead(
  rawHeaders: readonly string[],
): Judged<{ readonly host: string | undefined }> {
  const single = singleHeaders(rawHeaders);
  if (single === undefined)
    return refuse('EGRESS_REQUEST_MALFORMED', 'Host or a length header is there twice');
  const length = single['content-length'];
  if (single['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')) {
    return refuse('EGRESS_REQUEST_MALFORMED', 'a CONNECT request has no body');
  }
  return { ok: true, host: single.host };
}

/** Response headers that may be passed back, flat as Node takes them. */
export function responseHeaders(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (const [name, lower, value] of pairs(rawHeaders)) {
    // `x-gatehouse-*` is how egress itself answers; a host must not speak with its voice.
    if (HOP_BY_HOP.has(lower) || lower === 'alt-svc' || lower.startsWith('x-gatehouse-')) continue;
    kept.push(name, value);
  }
  return kept;
}

function dropped(lower: string): boolean {
  return (
    HOP_BY_HOP.has(lower) ||
    NOT_FROM_CLIENTS.has(lower) ||
    lower.startsWith('proxy-') ||
    lower.startsWith('x-forwarded-') ||
    lower.startsWith('x-gatehouse-')
  );
}

function plainConnection(value: string): boolean {
  return value.split(',').every((option) => CONNECTION_OPTIONS.has(option.trim().toLowerCase()));
}

function singleHeaders(
  rawHeaders: readonly string[],
): Partial<Record<(typeof AT_MOST_ONCE)[number], string>> | undefined {
  const found: Partial<Record<(typeof AT_MOST_ONCE)[number], string>> = {};
  for (const [, lower, value] of pairs(rawHeaders)) {
    const name = AT_MOST_ONCE.find((candidate) => candidate === lower);
    if (name === undefined) continue;
    if (found[name] !== undefined) return undefined;
    found[name] = value;
  }
  return found;
}

function* pairs(
  rawHeaders: readonly string[],
): Generator<readonly [name: string, lower: string, value: string]> {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    yield [name, name.toLowerCase(), rawHeaders[i + 1] ?? ''];
  }
}
