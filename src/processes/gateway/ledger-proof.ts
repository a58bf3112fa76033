import type { LedgerService, VerifyReport } from '../../controls/trace/types.ts';
import type { Clock } from '../../kernel/index.ts';

/** Milliseconds for which a proof of the whole ledger stands in the posture; `doctor` always makes a new one. */
export const PROOF_AGE_MS = 5 * 60_000;

/**
 * Verification reads every record, so callers share it: whoever may look at the posture cannot make the gateway read
 * a million records for each look.
 */
export class LedgerProof {
  readonly #ledger: Pick<LedgerService, 'verify'>;
  readonly #clock: Clock;
  readonly #listeners: ((report: VerifyReport) => void)[] = [];
  #running: Promise<VerifyReport> | undefined;
  #last: { readonly report: VerifyReport; readonly at: number } | undefined;

  constructor(ledger: Pick<LedgerService, 'verify'>, clock: Clock) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  /** The last one, and how old it is; undefined before the first. */
  last(): { readonly ok: boolean; readonly ageMs: number } | undefined {
    const last = this.#last;
    return last === undefined ? undefined : { ok: last.report.ok, ageMs: this.#clock.monotonic() - last.at };
  }

  /** Called with every proof, whoever asked for it. */
  onReport(listener: (report: VerifyReport) => void): void {
    this.#listeners.push(listener);
  }

  /** A proof that is at most `maxAgeMs` old; 0 asks for a new one, or joins the one under way. */
  async report(maxAgeMs: number): Promise<VerifyReport> {
    const last = this.#last;
    if (last !== undefined && this.#clock.monotonic() - last.at < maxAgeMs) return last.report;
    this.#running ??= this.#ledger.verify();
    try {
      const report = await this.#running;
      this.#last = { report, at: this.#clock.monotonic() };
      for (const listener of this.#listeners) listener(report);
      return report;
    } finally {
      this.#running = undefined;
    }
  }
}
