import type { Clock } from '../../kernel/index.ts';
import { Buckets, UNIX_PEER } from './addresses.ts';
import { AUTH_CODES } from './codes.ts';

export interface LimiterSettings {
  /** Failures within the window that lock out. */
  readonly failures: number;
  readonly windowMs: number;
  readonly lockoutMs: number;
}

export const LIMITER_DEFAULTS: LimiterSettings = { failures: 10, windowMs: 60_000, lockoutMs: 300_000 };

/** Addresses remembered per kind of credential; the one that was quiet longest is forgotten first. */
export const MAX_TRACKED_ADDRESSES = 10_000;
/** Failures that are answered at once; each further one waits twice as long as the one before it. */
export const FREE_FAILURES = 3;
const FIRST_DELAY_MS = 25;
const MAX_DELAY_MS = 1_000;

/**
 * What failures are counted for. Each kind has its own table, so that a made-up credential of one kind neither
 * resets, disables nor floods another's (attack 78). `token` and `password` are texts that name no known token.
 * `known-token` is one token id from one address: whoever sprays unknown tokens through the loopback address that
 * everybody shares locks out further unknown tokens there, and not the holder of a real one. The same holds for device proofs.
 */
export type FailureKind =
  | 'token'
  | 'known-token'
  | 'password'
  | 'device-token'
  | 'device-proof'
  | 'known-device'
  | 'oidc'
  | 'known-identity'
  | 'browser'
  | 'login-code';

export interface FailureBucket {
  readonly kind: FailureKind;
  readonly address: string;
  /** Token or device id or proven identity, for `known-token`, `known-device` and `known-identity`. */
  readonly id?: string;
}

interface Entry {
  failures: number;
  since: number;
  lockedUntil: number;
}

/**
 * Failed logins slow down and lock out, from loopback too. A success clears nothing: counters end with their
 * window. Only the operator's own socket is exempt, because whoever opens it owns the home already. Time is
 * monotonic, so that a clock that is set back does not prolong a lockout (attack 99).
 */
export class LoginLimiter {
  readonly #clock: Clock;
  readonly #settings: LimiterSettings;
  readonly #buckets: Buckets;
  readonly #tables = new Map<FailureKind, Map<string, Entry>>();

  constructor(clock: Clock, settings: LimiterSettings = LIMITER_DEFAULTS, buckets: Buckets = new Buckets()) {
    this.#clock = clock;
    this.#settings = settings;
    this.#buckets = buckets;
  }

  /** @throws AUTH_RATE_LIMITED while the bucket is locked, whatever was presented. */
  check(bucket: FailureBucket): void {
    const entry = this.#tables.get(bucket.kind)?.get(this.#keyOf(bucket));
    const left = (entry?.lockedUntil ?? 0) - this.#clock.monotonic();
    if (left <= 0) return;
    const retryAfterMs = Math.ceil(left);
    throw AUTH_CODES.error('AUTH_RATE_LIMITED', undefined, { details: { retryAfterMs } });
  }

  /** Count a failure. Returns the milliseconds that the refusal should wait, and whether it locked the bucket. */
  fail(bucket: FailureBucket): { readonly delayMs: number; readonly locked: boolean } {
    if (bucket.address === UNIX_PEER) return { delayMs: 0, locked: false };
    const now = this.#clock.monotonic();
    const entry = this.#touch(bucket, now);
    entry.failures += 1;
    if (entry.failures >= this.#settings.failures) {
      entry.lockedUntil = now + this.#settings.lockoutMs;
      entry.failures = 0;
      entry.since = now;
      return { delayMs: 0, locked: true };
    }
    const over = entry.failures - FREE_FAILURES;
    return {
      delayMs: over <= 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (over - 1)),
      locked: false,
    };
  }

  /** Number of buckets remembered of one kind. */
  tracked(kind: FailureKind): number {
    return this.#tables.get(kind)?.size ?? 0;
  }

  #touch(bucket: FailureBucket, now: number): Entry {
    const table = this.#tables.get(bucket.kind) ?? new Map<string, Entry>();
    this.#tables.set(bucket.kind, table);
    const key = this.#keyOf(bucket);
    const known = table.get(key);
    table.delete(key);
    const stale =
      known === undefined || (now - known.since > this.#settings.windowMs && known.lockedUntil <= now);
    const entry = stale ? { failures: 0, since: now, lockedUntil: 0 } : known;
    table.set(key, entry);
    if (table.size > MAX_TRACKED_ADDRESSES) {
      const oldest = table.keys().next();
      if (oldest.done !== true) table.delete(oldest.value);
    }
    return entry;
  }

  #keyOf({ address, id }: FailureBucket): string {
    const name = this.#buckets.of(address);
    return id === undefined ? name : `${id} ${name}`;
  }
}
