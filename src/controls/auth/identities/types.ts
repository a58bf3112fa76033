import type { Principal, Scope } from '../types.ts';

export type { RequestCredentials } from '../types.ts';

/** What a transport vouches for, as principals name it. */
export type IdentityKind = 'oidc' | 'certificate' | 'proxy' | 'chat';

/** What logging in needs to know of a stored principal. */
export interface KnownPrincipal {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly agents: readonly string[];
  /** CIDR blocks; empty means any address that reaches the listener. */
  readonly addresses: readonly string[];
  /** Unix milliseconds. */
  readonly expiresAt: number | null;
  readonly disabledAt: number | null;
}

/** The stored principals, read at every login and never cached, so that a change counts at once (A4). */
export interface PrincipalDirectory {
  find(idOrName: string): Promise<KnownPrincipal | undefined>;
  byIdentity(kind: IdentityKind, value: string): Promise<KnownPrincipal | undefined>;
}

/** A principal that was proven one way, and when that proof ends (Unix milliseconds). */
export interface Proven {
  readonly principal: Principal;
  readonly expiresAt: number | null;
}
