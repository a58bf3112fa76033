export type { BrowserLogin, BrowserSession, LinkRequest, LoginLink } from '../types.ts';

/** Milliseconds without a request after which a session ends, and its longest life. */
export const SESSION_IDLE_MS = 30 * 60_000;
export const SESSION_LIFETIME_MS = 12 * 3_600_000;
/** Milliseconds that a login link works unless said otherwise, and at most. */
export const LINK_TTL_MS = 5 * 60_000;
export const MAX_LINK_TTL_MS = 15 * 60_000;
/** Unused links and open sessions at once, over all principals. */
export const MAX_OPEN_LINKS = 32;
export const MAX_OPEN_SESSIONS = 256;
