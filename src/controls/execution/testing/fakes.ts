import type { Ledger, LedgerEvent, Logger } from '../../../kernel/index.ts';
import type { SetTimer } from '../approvals/due-timer.ts';

/** A ledger in memory; `fail` makes the next appends of these actions reject. */
export class FakeLedger implements Ledger {
  readonly events: LedgerEvent[] = [];
  readonly fail = new Set<string>();

  append(event: LedgerEvent): Promise<{ writer: string; seq: number; hash: string }> {
    if (this.fail.has(event.action)) return Promise.reject(new Error('disk full'));
    this.events.push(event);
    return Promise.resolve({ writer: 'test', seq: this.events.length, hash: '' });
  }

  actions(): readonly string[] {
    return this.events.map(({ action }) => action);
  }

  codes(): readonly (string | undefined)[] {
    return this.events.filter(({ action }) => action === 'approval.refused').map(({ code }) => code);
  }
}

/** Time that moves only when it is told to, with the timers that are set on it. */
export class FakeTime {
  at = 1_000_000;
  readonly #timers = new Set<{ readonly due: number; readonly run: () => void }>();

  now = (): number => this.at;
  monotonic = (): number => this.at;

  readonly setTimer: SetTimer = (ms, run) => {
    const timer = { due: this.at + ms, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  get waiting(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    this.at += ms;
    for (const timer of this.#timers) {
      if (timer.due > this.at) continue;
      this.#timers.delete(timer);
      timer.run();
    }
  }
}

export class FakeLogger implements Logger {
  readonly errors: string[] = [];

  info(): void {}

  warn(): void {}

  error(message: string): void {
    this.errors.push(message);
  }
}
