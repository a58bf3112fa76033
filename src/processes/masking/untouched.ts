import type { BigIntStats } from 'node:fs';
import type { Settled } from '../../controls/secrets/index.ts';

/** Files that are remembered; the oldest are forgotten, and then count as written by whoever ran meanwhile. */
const MAX_REMEMBERED = 10_000;

/**
 * Files that were exchanged for a run and put back as they were. Their change time is that of the exchange, and without
 * this the run would count as who wrote them (X9).
 */
export class UntouchedFiles {
  readonly #times = new Map<string, string>();

  note(settled: readonly Settled[]): void {
    for (const { path, untouched } of settled) {
      if (untouched === undefined) continue;
      this.#times.delete(path);
      this.#times.set(path, untouched);
      const [oldest] = this.#times.keys();
      if (this.#times.size > MAX_REMEMBERED && oldest !== undefined) this.#times.delete(oldest);
    }
  }

  /** Whether the file at this path is still as it was put back. */
  has(path: string, stat: BigIntStats): boolean {
    return this.#times.get(path) === String(stat.ctimeNs);
  }
}
