import type { PeerFacts, Principal, Scope } from '../types.ts';

/** Milliseconds without a request after which a session ends, and its longest life. */
export const SESSION_IDLE_MS = 30 * 60_000;
export const SESSION_LIFETIME_MS = 12 * 3_600_000;
/** Milliseconds that a login link works unless said otherwise, and at most. */
export const LINK_TTL_MS = 5 * 60_000;
export const MAX_LINK_TTL_MS = 15 * 60_000;
/** Unused links and open sessions at once, over all principals. */
export const MAX_OPEN_LINKS = 32;
export const MAX_OPEN_SESSIONS = 256;

export interface LinkRequest {
  readonly by: Principal;
  /** Id or name of a stored principal; absent for the caller itself. */
  readonly principal?: string | undefined;
  readonly ttlMs?: number | undefined;
}

export interface LoginLink {
  /** Shown once; only its digest is kept. */
  readonly code: string;
  readonly principal: string;
  readonly name: string;
  readonly expiresAt: number;
}

export interface BrowserSession {
  readonly id: string;
  readonly principal: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly lastSeenAt: number;
  /** When it ends if nothing more is done in it. */
  readonly idleUntil: number;
  /** When it ends whatever is done in it. */
  readonly expiresAt: number;
  readonly address: string;
  readonly userAgent: string;
}

/** Login by a one-time link to a session that a browser holds in a cookie (A7). */
export interface BrowserLogin {
  /** @throws AUTH_LOGIN_NOT_YOURS, AUTH_PRINCIPAL_UNKNOWN, AUTH_LOGIN_FULL */
  link(request: LinkRequest): Promise<LoginLink>;
  /** The cookie's value for a code, which is used up by it. @throws AUTH_LOGIN_CODE_INVALID, AUTH_LOGIN_FULL */
  redeem(
    code: string,
    peer: PeerFacts,
  ): Promise<{ readonly secret: string; readonly session: BrowserSession }>;
  /** Open sessions, the newest first. */
  list(): Promise<readonly BrowserSession[]>;
  /** @throws AUTH_SESSION_UNKNOWN */
  end(id: string, reason: string): Promise<BrowserSession>;
  /** Something was asked over an open connection of this session: it is not idle. */
  touch(credentialId: string): void;
}
