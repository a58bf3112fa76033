import type { DriftService } from '../../controls/trace/index.ts';
import { asGatehouseError, type Logger } from '../../kernel/index.ts';

/** Milliseconds between two looks at an install that has a baseline: a drift is found the same minute. */
const DRIFT_WATCH_MS = 60_000;
/** Looks of which one runs doctor and audit as well, which prove the whole ledger. */
const FULL_EVERY = 60;

export interface DriftWatchOptions {
  readonly drift: Pick<DriftService, 'check' | 'latest'>;
  readonly logger: Logger;
  /** Resolves when egress answers: before that the install is not what it will be. */
  readonly ready: () => Promise<void>;
  readonly every: (milliseconds: number, task: () => void) => () => void;
}

/** After the start, which is when an upgrade shows, and then every minute; without a baseline nothing is looked at (D5). */
export function watchDrift({ drift, logger, every, ready }: DriftWatchOptions): () => void {
  let looks = 0;
  const look = async (): Promise<void> => {
    const isFull = looks % FULL_EVERY === 0;
    looks += 1;
    if ((await drift.latest()) === undefined) return;
    await ready();
    await drift.check(!isFull);
  };
  const task = (): void =>
    void look().catch((thrown: unknown) => {
      const { code, message } = asGatehouseError(thrown);
      logger.error('drift could not be looked for', { code, cause: message });
    });
  task();
  return every(DRIFT_WATCH_MS, task);
}
