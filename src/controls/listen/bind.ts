import { isIP } from 'node:net';
import { isLoopback } from './addresses.ts';
import { LISTEN_CODES } from './codes.ts';

/** Longest path of a Unix socket: sun_path holds 108 bytes with its end (unix(7)), macOS 104. */
export const MAX_SOCKET_PATH = 103;

export type ListenerSpec =
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** What an address beyond loopback asks for (L1). */
interface Exposure {
  readonly authentication: boolean;
  readonly tls: boolean;
  readonly trustedProxies: readonly string[];
  readonly allowedAddresses: readonly string[];
  readonly grant?: { readonly owner: string; readonly ticket: string; readonly expires: number };
}

export interface BindRequest {
  /** `loopback` (also `localhost`, `auto`), `lan`, `tailnet`, a literal address, or the absolute path of a Unix socket. */
  readonly bind: string;
  readonly port: number;
  readonly hasIPv6: boolean;
  readonly exposure: Exposure;
  /** Unix milliseconds. */
  readonly now: number;
}

/** What is missing before this exposure could be considered, in words for an operator. */
function missingForExposure(exposure: Exposure, now: number): readonly string[] {
  const missing: string[] = [];
  if (!exposure.authentication) missing.push('authentication');
  if (!exposure.tls && exposure.trustedProxies.length === 0) missing.push('TLS or a named trusted proxy');
  if (exposure.allowedAddresses.length === 0) missing.push('an address allow-list');
  const { grant } = exposure;
  if (grant === undefined || grant.owner === '' || grant.ticket === '') {
    missing.push('a grant with owner, ticket and expiry');
  } else if (!(grant.expires > now)) {
    missing.push('a grant that has not expired');
  }
  return missing;
}

const LOOPBACK_WORDS: readonly string[] = ['loopback', 'localhost', 'auto'];

/**
 * The listeners of a bind setting. Loopback is 127.0.0.1 and, where the machine has IPv6, ::1.
 *
 * @throws LISTEN_EXPOSED for every address that is not loopback, naming what is missing. This version never opens
 *   such a listener: it could neither close it when the grant ends nor speak TLS. LISTEN_BIND_INVALID otherwise.
 */
export function resolveBind(request: BindRequest): readonly ListenerSpec[] {
  const { bind, port } = request;
  if (LOOPBACK_WORDS.includes(bind)) {
    const addresses = request.hasIPv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
    return addresses.map((address) => ({ kind: 'tcp', address, port }));
  }
  if (bind.startsWith('/')) {
    if (Buffer.byteLength(bind) <= MAX_SOCKET_PATH) return [{ kind: 'unix', path: bind }];
    throw LISTEN_CODES.error('LISTEN_BIND_INVALID', `a socket path is at most ${MAX_SOCKET_PATH} bytes`);
  }
  if (isIP(bind) !== 0 && isLoopback(bind)) return [{ kind: 'tcp', address: bind, port }];
  if (isIP(bind) === 0 && bind !== 'lan' && bind !== 'tailnet')
    throw LISTEN_CODES.error('LISTEN_BIND_INVALID');
  const missing = missingForExposure(request.exposure, request.now);
  const reason =
    missing.length > 0 ? `missing: ${missing.join('; ')}` : 'this version opens no listener beyond loopback';
  throw LISTEN_CODES.error(
    'LISTEN_EXPOSED',
    `gateway.bind "${bind}" is not loopback, so it is refused (${reason})`,
    {
      details: { path: 'gateway.bind', missing },
    },
  );
}
