import type { Clock, Ledger, LedgerEvent } from '../../kernel/index.ts';

/** Call `run` once after `ms`; the returned function takes it back. Never keeps the process alive. */
export type SetTimer = (ms: number, run: () => void) => () => void;

/** Milliseconds in which repeats of one refusal of one sender become one count. */
export const REFUSAL_WINDOW_MS = 60_000;
/** Refusals recorded one by one per window, over all senders; all others are only counted. */
export const MAX_REFUSAL_EVENTS = 100;

/**
 * Writes refused messages so that a crowd of strangers does not fill the ledger (attack 94): the first of each
 * sender and code at once, its repeats as one count per window, and everything beyond the bound as one count for all.
 */
export class RefusalJournal {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #setTimer: SetTimer;
  readonly #onLost: (cause: unknown) => void;
  readonly #seen = new Map<string, { readonly event: LedgerEvent; count: number }>();
  #since = 0;
  #beyond = 0;
  #cancel: (() => void) | undefined;

  constructor(ledger: Ledger, clock: Clock, setTimer: SetTimer, onLost: (cause: unknown) => void) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#setTimer = setTimer;
    this.#onLost = onLost;
  }

  /** Record a refusal. The message goes nowhere whether or not it can be written, so nobody waits for it. */
  refused(key: string, event: LedgerEvent): void {
    const known = this.#seen.get(key);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    if (this.#cancel === undefined) {
      this.#since = this.#clock.now();
      this.#cancel = this.#setTimer(REFUSAL_WINDOW_MS, () => this.flush());
    }
    if (this.#seen.size >= MAX_REFUSAL_EVENTS) {
      this.#beyond += 1;
      return;
    }
    this.#seen.set(key, { event, count: 0 });
    this.#write(event);
  }

  /** Write the counts of the window that ends now. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const since = this.#since;
    for (const { event, count } of this.#seen.values()) {
      if (count > 0) this.#write({ ...event, data: { ...event.data, repeats: count, since } });
    }
    if (this.#beyond > 0) {
      const data = { repeats: this.#beyond, senders: 'various', since };
      this.#write({ type: 'message', action: 'message.refused', outcome: 'deny', data });
    }
    this.#seen.clear();
    this.#beyond = 0;
  }

  #write(event: LedgerEvent): void {
    this.#ledger.append(event).catch(this.#onLost);
  }
}
