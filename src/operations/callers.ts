import type { Principal, PrincipalLayer } from '../controls/auth/types.ts';
import { type Authority, authorityOf, type CompiledLayer } from '../kernel/index.ts';
import type { Caller } from './define.ts';

export interface CallerParts {
  readonly principalLayer: PrincipalLayer;
  /** The install's own bound on callers, read anew on each call so that a reload takes effect at once. */
  readonly ceiling?: () => CompiledLayer;
}

export interface Callers {
  callerOf(principal: Principal, surface: Caller['surface'], trace: string): Caller;
}

const OPERATOR_SPACE = 'operator';

/** Compiled authorities kept; past it the one made first is dropped and compiled again when asked. */
export const MAX_CACHED_AUTHORITIES = 256;

/** Operators share one space; any other principal has its own, so that a session key is only an address (S5). */
export function spaceOf(principal: Principal): string {
  if (principal.scopes.includes('operator.admin')) return OPERATOR_SPACE;
  return principal.id === OPERATOR_SPACE ? `principal:${principal.id}` : principal.id;
}

/** Turn proven principals into callers with their authority. */
export function createCallers({ principalLayer, ceiling }: CallerParts): Callers {
  const cache = new Map<string, Authority>();

  function authorityFor(principal: Principal): Authority {
    const bound = ceiling?.();
    const { id, kind, scopes, agents } = principal;
    const key = JSON.stringify([bound?.hash, id, kind, scopes, agents]);
    const known = cache.get(key);
    if (known !== undefined) return known;
    const own = principalLayer(principal);
    const authority = bound === undefined ? authorityOf(own) : authorityOf(bound, own);
    const [oldest] = cache.keys();
    if (cache.size >= MAX_CACHED_AUTHORITIES && oldest !== undefined) cache.delete(oldest);
    cache.set(key, authority);
    return authority;
  }

  return {
    callerOf: (principal, surface, trace) =>
      Object.freeze({
        principal,
        subject: { principal: principal.id, credential: principal.credentialId },
        authority: authorityFor(principal),
        surface,
        space: spaceOf(principal),
        trace,
      }),
  };
}
