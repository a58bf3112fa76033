import { isIP } from 'node:net';
import { isAddressBlock, isLoopback, normaliseAddress } from './addresses.ts';
import { LISTEN_CODES } from './codes.ts';

/** Longest path of a Unix socket: sun_path holds 108 bytes with its end (unix(7)), macOS 104. */
export const MAX_SOCKET_PATH = 103;

export type ListenerSpec =
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** What an address beyond loopback asks for (L1). */
export interface Exposure {
  readonly authentication: boolean;
  readonly tls: boolean;
  readonly trustedProxies: readonly string[];
  readonly allowedAddresses: readonly string[];
  /** The running grant for this address and plane; `expires` in Unix milliseconds. */
  readonly grant?: { readonly owner: string; readonly ticket: string; readonly expires: number };
}

export interface BindRequest {
  /** `loopback` (also `localhost`, `auto`), `lan`, `tailnet`, a literal address, or the absolute path of a Unix socket. */
  readonly bind: string;
  readonly port: number;
  readonly hasIPv6: boolean;
  /** Addresses of this machine's interfaces, for `lan` and `tailnet`. */
  readonly ownAddresses: readonly string[];
  /** What there is for an address, so that the grant can be looked up for exactly this one. */
  readonly exposure: (address: string) => Exposure;
  /** Unix milliseconds. */
  readonly now: number;
}

/** An address that the bind setting stands for, and until when it may be open; `null` for loopback and sockets. */
export type ResolvedListener = ListenerSpec & { readonly expires: number | null };

/** What is missing before this exposure can be opened, in words for an operator. */
function missingForExposure(exposure: Exposure, now: number): readonly string[] {
  const missing: string[] = [];
  if (!exposure.authentication) missing.push('authentication');
  if (!exposure.tls && exposure.trustedProxies.length === 0) missing.push('TLS or a named trusted proxy');
  if (exposure.allowedAddresses.length === 0) missing.push('an address allow-list (allowedAddresses)');
  const { grant } = exposure;
  if (grant === undefined || grant.owner === '' || grant.ticket === '') {
    missing.push('a grant for listen.open with owner, ticket and expiry');
  } else if (!(grant.expires > now)) {
    missing.push('a grant that has not expired');
  }
  return missing;
}

const LOOPBACK_WORDS: readonly string[] = ['loopback', 'localhost', 'auto'];
const NETWORK_WORDS: readonly string[] = ['lan', 'tailnet'];

/** One address in its plain form: 010.1, 0x7f000001, full-width digits and blocks are none (attacks 1, 2). */
function literalAddress(bind: string): string | undefined {
  return isIP(bind) === 0 || bind.includes('%') ? undefined : normaliseAddress(bind);
}

/** Why a bind setting can never be opened, on whatever machine; undefined when it can be understood. */
export function bindProblem(bind: string): string | undefined {
  if (LOOPBACK_WORDS.includes(bind) || NETWORK_WORDS.includes(bind)) return undefined;
  if (bind.startsWith('/')) {
    const fits = Buffer.byteLength(bind) <= MAX_SOCKET_PATH && !bind.includes('\0');
    return fits ? undefined : `a socket path is at most ${MAX_SOCKET_PATH} bytes`;
  }
  if (literalAddress(bind) !== undefined) return undefined;
  if (isAddressBlock(bind)) return 'a listener has one address; a block belongs into allowedAddresses';
  return 'this is neither a known word, an address nor an absolute socket path';
}

/** RFC 1918 and RFC 4193, and the shared address space of RFC 6598, which tailnets use. */
function isLan(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address) || /^f[cd][0-9a-f]{2}:/.test(address);
}

function isTailnet(address: string): boolean {
  return /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(address) || address.startsWith('fd7a:115c:a1e0:');
}

function addressesOf({ bind, ownAddresses }: BindRequest): readonly string[] {
  if (bind === 'lan') return ownAddresses.filter((address) => isLan(address) && !isTailnet(address));
  if (bind === 'tailnet') return ownAddresses.filter(isTailnet);
  const address = literalAddress(bind);
  if (address === undefined) throw LISTEN_CODES.error('LISTEN_BIND_INVALID');
  return [address];
}

/**
 * The listeners of a bind setting. Loopback is 127.0.0.1 and, where the machine has IPv6, ::1; it stays open beside
 * addresses that others can reach.
 *
 * @throws LISTEN_EXPOSED for an address that is not loopback, naming what is missing; LISTEN_BIND_INVALID for
 *   anything that is no address, and for `lan` or `tailnet` on a machine that has none
 */
export function resolveBind(request: BindRequest): readonly ResolvedListener[] {
  const { bind, port, now } = request;
  const loopback = (request.hasIPv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']).map(
    (address) => ({ kind: 'tcp', address, port, expires: null }) as const,
  );
  if (LOOPBACK_WORDS.includes(bind)) return loopback;
  if (bind.startsWith('/')) {
    const problem = bindProblem(bind);
    if (problem === undefined) return [{ kind: 'unix', path: bind, expires: null }];
    throw LISTEN_CODES.error('LISTEN_BIND_INVALID', problem);
  }
  const addresses = addressesOf(request);
  if (addresses.length === 0) {
    throw LISTEN_CODES.error('LISTEN_BIND_INVALID', `this machine has no address for "${bind}"`);
  }
  if (addresses.every(isLoopback)) {
    return addresses.map((address) => ({ kind: 'tcp', address, port, expires: null }));
  }
  const exposed = addresses.map((address) => {
    const exposure = request.exposure(address);
    const missing = missingForExposure(exposure, now);
    if (missing.length > 0) {
      const message = `${address} can be reached from outside and is refused (missing: ${missing.join('; ')})`;
      throw LISTEN_CODES.error('LISTEN_EXPOSED', message, { details: { address, missing } });
    }
    return { kind: 'tcp', address, port, expires: exposure.grant?.expires ?? 0 } as const;
  });
  const isEverywhere = addresses.some((address) => address === '0.0.0.0' || address === '::');
  return isEverywhere ? exposed : [...loopback, ...exposed];
}
