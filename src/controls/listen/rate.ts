import type { Clock } from '../../kernel/index.ts';

/** Clients remembered at once; the one that was quiet longest is forgotten first. */
export const MAX_BUCKETS = 10_000;

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * Requests per second and client (L9): a bucket that holds twice as many and fills steadily. Time is monotonic, so
 * that a clock that is set does not stop anybody (attack 99).
 */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Take one request of this client.
   *
   * @param perSecond the rate that is allowed now
   * @returns milliseconds to wait, 0 when it may go on
   */
  take(key: string, perSecond: number): number {
    const now = this.#clock.monotonic();
    const burst = 2 * perSecond;
    const known = this.#buckets.get(key);
    const filled = known === undefined ? burst : known.tokens + ((now - known.at) / 1_000) * perSecond;
    const tokens = Math.min(burst, filled);
    this.#buckets.delete(key);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size >= MAX_BUCKETS && oldest !== undefined) this.#buckets.delete(oldest);
    const isAllowed = tokens >= 1;
    this.#buckets.set(key, { tokens: isAllowed ? tokens - 1 : tokens, at: now });
    return isAllowed ? 0 : Math.max(1, Math.ceil(((1 - tokens) / perSecond) * 1_000));
  }
}
