import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';
import { bracketed } from '../../kernel/index.ts';
import type { EgressCode } from './codes.ts';
import { canonicalAddress } from './ip.ts';
import type { Target } from './types.ts';

interface Refusal {
  readonly ok: false;
  readonly code: EgressCode;
  readonly message: string;
}

export type Judged<T> = ({ readonly ok: true } & T) | Refusal;
export type JudgedHost = Judged<{
  readonly host: string;
  readonly literal: 0 | 4 | 6;
  readonly local: boolean;
}>;

/** RFC 1035 section 2.3.4. */
const MAX_HOST_LENGTH = 253;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** The WHATWG URL parser reads a host whose last label looks like this as an IPv4 address (attack 1). */
const NUMERIC_LABEL = /^(?:[0-9]+|0x[0-9a-f]*)$/;
const IPV4 = /^(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})$/;

/** RFC 6761, 6762, 7686, 8375, 9476, and suffixes that resolve inside a cloud or a company. */
const LOCAL_SUFFIXES = new Set([
  'alt',
  'arpa',
  'corp',
  'example',
  'home',
  'internal',
  'intranet',
  'invalid',
  'lan',
  'local',
  'localdomain',
  'localhost',
  'mail',
  'onion',
  'private',
  'test',
]);

function refuse(code: EgressCode, message: string): Refusal {
  return { ok: false, code, message };
}

function judgeIPv6(raw: string): JudgedHost {
  const inner = raw.slice(1, -1);
  if (!raw.endsWith(']') || inner.includes('%') || !isIPv6(inner)) {
    return refuse('EGRESS_HOST_INVALID', 'brackets must hold one IPv6 address without a zone');
  }
  return { ok: true, host: canonicalAddress(inner), literal: 6, local: false };
}

/** An A-label counts only when it is what its Unicode form encodes to; otherwise two names look like one. */
function validALabels(host: string): boolean {
  const unicode = domainToUnicode(host);
  const decoded = unicode.split('.').every((label) => label !== '' && !label.startsWith('xn--'));
  return decoded && domainToASCII(unicode) === host;
}

/**
 * Judge the raw text of a host before any URL parser sees it (attacks 1 to 8, 13): a parser would turn
 * `０x7f.1`, `127.1` or `ex%61mple.org` into something else than what was compared with the rules.
 */
export function judgeHost(raw: string): JudgedHost {
  if (raw.length === 0) return refuse('EGRESS_HOST_INVALID', 'the host is empty');
  if (raw.length > MAX_HOST_LENGTH)
    return refuse('EGRESS_HOST_INVALID', 'the host is longer than 253 characters');
  if (/[^\x00-\x7f]/.test(raw))
    return refuse('EGRESS_HOST_NOT_ASCII', 'the host holds characters outside ASCII');
  if (raw.startsWith('[')) return judgeIPv6(raw);
  const host = raw.toLowerCase();
  const labels = host.split('.');
  const last = labels.at(-1) ?? '';
  if (NUMERIC_LABEL.test(last)) {
    return IPV4.test(host) && isIPv4(host)
      ? { ok: true, host, literal: 4, local: false }
      : refuse('EGRESS_HOST_AMBIGUOUS', 'the host is a number that programs read as different addresses');
  }
  if (last === '') return refuse('EGRESS_HOST_INVALID', 'the host ends with a dot; write it without');
  if (!labels.every((label) => LABEL.test(label))) {
    return refuse('EGRESS_HOST_INVALID', 'the host holds an empty label or a character that no name has');
  }
  if (labels.some((label) => label.startsWith('xn--')) && !validALabels(host)) {
    return refuse('EGRESS_HOST_INVALID', 'the host holds an xn-- label that no name encodes to');
  }
  return { ok: true, host, literal: 0, local: labels.length === 1 || LOCAL_SUFFIXES.has(last) };
}

/** A port in plain decimal, 1 to 65535 (attack 12). */
export function judgePort(raw: string): Judged<{ readonly port: number }> {
  const port = /^[1-9][0-9]{0,4}$/.test(raw) ? Number(raw) : 0;
  return port >= 1 && port <= 65_535
    ? { ok: true, port }
    : refuse('EGRESS_PORT_INVALID', 'the port is not a plain decimal number from 1 to 65535');
}

/** `host[:port]` as in CONNECT and Host (RFC 9110 section 7.2, 9.3.6). Without a default the port is required. */
export function judgeAuthority(raw: string, defaultPort?: number): Judged<{ readonly target: Target }> {
  if (raw.includes('@')) {
    return refuse(
      'EGRESS_HOST_INVALID',
      'a user name stands before the host; what is before the @ is not the host',
    );
  }
  const close = raw.startsWith('[') ? raw.indexOf(']') : -1;
  const colon = raw.indexOf(':', close + 1);
  const hostText = colon < 0 ? raw : raw.slice(0, colon);
  const host = judgeHost(hostText);
  if (!host.ok) return host;
  if (colon < 0) {
    if (defaultPort === undefined) return refuse('EGRESS_PORT_INVALID', 'the port is missing');
    return { ok: true, target: targetOf(host, defaultPort) };
  }
  const port = judgePort(raw.slice(colon + 1));
  return port.ok ? { ok: true, target: targetOf(host, port.port) } : port;
}

function targetOf(host: Extract<JudgedHost, { ok: true }>, port: number): Target {
  return { host: host.host, port, literal: host.literal, local: host.local };
}

export interface JudgedUrl {
  readonly scheme: 'http' | 'https';
  readonly target: Target;
  /** Path and query exactly as sent; `/` when there was none. */
  readonly path: string;
}

/** An absolute-form request target, split by hand so that nothing is decoded or rewritten (attack 6). */
export function judgeUrl(raw: string): Judged<{ readonly url: JudgedUrl }> {
  const match = /^(https?):\/\/([^/?#]*)([^#]*)$/i.exec(raw);
  if (match === null || /[\x00-\x20\x7f-\uffff\\]/.test(raw)) {
    return refuse(
      'EGRESS_URL_INVALID',
      'the request target is not an absolute http or https URL in plain form',
    );
  }
  const scheme = match[1]?.toLowerCase() === 'https' ? 'https' : 'http';
  const authority = judgeAuthority(match[2] ?? '', scheme === 'https' ? 443 : 80);
  if (!authority.ok) return authority;
  const rest = match[3] ?? '';
  return {
    ok: true,
    url: { scheme, target: authority.target, path: rest.startsWith('/') ? rest : `/${rest}` },
  };
}

/** The Host header of a canonical target; the scheme's own port is left out (RFC 9110 section 7.2). */
export function hostHeader({ scheme, target }: Pick<JudgedUrl, 'scheme' | 'target'>): string {
  const name = bracketed(target.host);
  return target.port === (scheme === 'https' ? 443 : 80) ? name : `${name}:${target.port}`;
}
