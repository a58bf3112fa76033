import type { Clock } from '../../kernel/index.ts';
import type { GrantRecord } from './types.ts';

/**
 * When grants end, by the clock that cannot be set (attack 99). The wall clock may only bring an end closer: what was
 * left when a grant was first seen, or last written down, is the most that is left.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #ends = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds that are left; 0 or less when it is over. */
  left(record: Pick<GrantRecord, 'id' | 'expiresAt' | 'remainingMs'>): number {
    const now = this.#clock.monotonic();
    const told = Math.min(record.expiresAt - this.#clock.now(), record.remainingMs);
    const known = this.#ends.get(record.id);
    const end = known === undefined ? now + told : Math.min(known, now + told);
    this.#ends.set(record.id, end);
    return end - now;
  }

  forget(keep: ReadonlySet<string>): void {
    for (const id of this.#ends.keys()) if (!keep.has(id)) this.#ends.delete(id);
  }
}
