import type { TurnHandle, TurnOutcome } from '../types.ts';

/** Ended runs that are remembered in memory; older ones are read from the store. */
export const MAX_REMEMBERED_RUNS = 1_000;

/** One run this process knows. */
export interface Run {
  readonly runId: string;
  readonly space: string;
  readonly digest: string;
  readonly done: Promise<TurnOutcome>;
  outcome?: TurnOutcome;
  settle(outcome: TurnOutcome): void;
}

/** The runs of this process by id. */
export class Runs {
  readonly #runs = new Map<string, Run>();
  readonly #owners = new Map<string, string>();

  add(runId: string, space: string, digest: string): Run {
    const { promise: done, resolve } = Promise.withResolvers<TurnOutcome>();
    const run: Run = {
      runId,
      space,
      digest,
      done,
      settle: (outcome) => {
        run.outcome = outcome;
        resolve(outcome);
        this.#forgetOldest();
      },
    };
    this.#runs.set(runId, run);
    return run;
  }

  get(runId: string): Run | undefined {
    return this.#runs.get(runId);
  }

  remove(runId: string): void {
    this.#runs.delete(runId);
  }

  /** Runs of earlier processes, so that their owners are known. */
  remember(owners: readonly { readonly runId: string; readonly space: string }[]): void {
    for (const { runId, space } of owners) this.#owners.set(runId, space);
  }

  ownerOf(runId: string): string | undefined {
    return this.#runs.get(runId)?.space ?? this.#owners.get(runId);
  }

  running(): readonly Run[] {
    return [...this.#runs.values()].filter((run) => run.outcome === undefined);
  }

  #forgetOldest(): void {
    for (const run of this.#runs.values()) {
      if (this.#runs.size <= MAX_REMEMBERED_RUNS) return;
      if (run.outcome !== undefined) this.#runs.delete(run.runId);
    }
  }
}

/** What a repeated request is answered. */
export function repeated(run: Run): TurnHandle {
  const { runId, done, outcome } = run;
  return { runId, done, status: outcome === undefined ? 'in_flight' : handleStatus(outcome) };
}

export function handleStatus(outcome: TurnOutcome): 'ok' | 'error' {
  return outcome.status === 'error' ? 'error' : 'ok';
}
