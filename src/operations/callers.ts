import type { Principal, PrincipalLayer } from '../controls/auth/types.ts';
import { type Authority, authorityOf, type CompiledLayer, type Layer } from '../kernel/index.ts';
import type { Caller } from './define.ts';

export interface CallerParts {
  readonly principalLayer: PrincipalLayer;
  /** The install's own bound on callers, read anew on each call so that a reload takes effect at once. */
  readonly ceiling?: () => CompiledLayer;
}

export interface Callers {
  /** `published`: the caller is outside this machine, where nobody administers (L3). */
  callerOf(principal: Principal, surface: Caller['surface'], trace: string, published?: boolean): Caller;
}

/** Whoever holds operator.admin shares it. */
export const OPERATOR_SPACE = 'operator';

/** What nobody does through a port that is published for users, whatever the credential holds (L3). */
const ADMINISTRATION: readonly string[] = ['operator.admin', 'operator.pairing'];

const PUBLISHED: Layer = {
  id: 'plane:users',
  rules: [
    {
      id: 'published',
      kind: 'operation.call',
      effect: 'deny',
      match: { scope: ADMINISTRATION },
      reason:
        'administration is not offered where others than this machine connect; use the admin listener or a tunnel',
    },
    { id: 'otherwise', kind: '*', effect: 'allow' },
  ],
};

function withoutAdministration(principal: Principal): Principal {
  return { ...principal, scopes: principal.scopes.filter((scope) => !ADMINISTRATION.includes(scope)) };
}

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

  function authorityFor(principal: Principal, published: boolean): Authority {
    const bound = ceiling?.();
    const { id, kind, scopes, agents } = principal;
    const key = JSON.stringify([bound?.hash, id, kind, scopes, agents, published]);
    const known = cache.get(key);
    if (known !== undefined) return known;
    const own = principalLayer(principal);
    const layers = [...(bound === undefined ? [] : [bound]), own, ...(published ? [PUBLISHED] : [])];
    const authority = authorityOf(...layers);
    const [oldest] = cache.keys();
    if (cache.size >= MAX_CACHED_AUTHORITIES && oldest !== undefined) cache.delete(oldest);
    cache.set(key, authority);
    return authority;
  }

  return {
    callerOf: (principal, surface, trace, published = false) =>
      Object.freeze({
        principal: published ? withoutAdministration(principal) : principal,
        subject: { principal: principal.id, credential: principal.credentialId },
        authority: authorityFor(principal, published),
        surface,
        space: spaceOf(principal),
        trace,
      }),
  };
}
