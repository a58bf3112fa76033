import { NODATA, NOTFOUND, Resolver as SystemResolver } from 'node:dns';
import type { ResolvedAddress, Resolver } from '../../controls/egress/index.ts';

export interface ResolverOptions {
  /** `address` or `address:port` of name servers; absent means those of /etc/resolv.conf. */
  readonly servers?: readonly string[];
  /** Milliseconds for one try, and how many tries. */
  readonly timeoutMs?: number;
  readonly tries?: number;
}

const DEFAULT_TIMEOUT_MS = 2_000;
const DEFAULT_TRIES = 2;

/**
 * Asks the name servers for A and AAAA, following CNAME as they answer it. Unlike getaddrinfo it reads neither
 * the hosts file nor search domains, so a name means the same everywhere (attack 13).
 */
export function createResolver(options: ResolverOptions = {}): Resolver {
  const system = new SystemResolver({
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    tries: options.tries ?? DEFAULT_TRIES,
  });
  if (options.servers !== undefined) system.setServers([...options.servers]);
  return {
    async resolve(host) {
      const [six, four] = await Promise.all([ask(system, 'resolve6', host), ask(system, 'resolve4', host)]);
      return [...six, ...four];
    },
  };
}

/** No record of this family is an answer; a failure of either question fails the look-up as a whole. */
function ask(
  system: SystemResolver,
  question: 'resolve4' | 'resolve6',
  host: string,
): Promise<readonly ResolvedAddress[]> {
  const family = question === 'resolve4' ? 4 : 6;
  return new Promise((resolve, reject) => {
    system[question](host, (error, addresses) => {
      if (error === null) resolve(addresses.map((address) => ({ address, family })));
      else if (error.code === NODATA || error.code === NOTFOUND) resolve([]);
      else reject(error);
    });
  });
}
