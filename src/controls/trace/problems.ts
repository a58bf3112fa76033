import { LEDGER_CODES } from './codes.ts';
import type { LedgerProblem } from './types.ts';

/** Problems that a report lists; the rest is counted. */
export const MAX_PROBLEMS = 200;

/** What verification found, each place and kind once. */
export class Problems {
  readonly #found = new Map<string, LedgerProblem>();
  #omitted = 0;

  add(code: LedgerProblem['code'], writer: string, seq: number, detail: string): void {
    const key = `${code} ${seq} ${writer}`;
    if (this.#found.has(key)) return;
    if (this.#found.size >= MAX_PROBLEMS) {
      this.#omitted++;
      return;
    }
    const message = `${LEDGER_CODES.table[code].summary}: ${writer} ${seq}, ${detail}`;
    this.#found.set(key, { writer, seq, code, message });
  }

  has(code: LedgerProblem['code'], writer: string, seq: number): boolean {
    return this.#found.has(`${code} ${seq} ${writer}`);
  }

  get omitted(): number {
    return this.#omitted;
  }

  list(): readonly LedgerProblem[] {
    return [...this.#found.values()];
  }
}
