import type { Clock, Logger } from './ports.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longest wait between two looks at the wall clock, in milliseconds: it may be set meanwhile (attack 99). */
const LOOK_MS = 60_000;
/** Milliseconds after start before what is overdue runs: a gateway that just came up has enough to do. */
const SETTLE_MS = 30_000;

/** When something runs by itself, as a configuration says it. */
export interface Schedule {
  readonly everyHours?: number;
  /** `HH:MM`, UTC. */
  readonly dailyAt?: string;
}

/**
 * When the next run is due, in Unix milliseconds.
 *
 * @param last start of the last scheduled run; undefined when there was none
 * @param since when this process began to look
 */
export function nextRun(
  schedule: Schedule,
  { last, since, now }: { readonly last: number | undefined; readonly since: number; readonly now: number },
): number | undefined {
  const { everyHours, dailyAt } = schedule;
  if (everyHours !== undefined) return last === undefined ? since : last + everyHours * HOUR_MS;
  if (dailyAt === undefined) return undefined;
  const [hours = 0, minutes = 0] = dailyAt.split(':').map(Number);
  const today = Math.floor(now / DAY_MS) * DAY_MS + hours * HOUR_MS + minutes * 60_000;
  const latest = today <= now ? today : today - DAY_MS;
  return (last ?? since) < latest ? latest : latest + DAY_MS;
}

export interface SchedulerParts {
  /** What runs, for the log. */
  readonly what: string;
  /** Undefined while nothing is scheduled. */
  readonly schedule: () => Schedule | undefined;
  readonly last: () => Promise<number | undefined>;
  readonly run: () => Promise<unknown>;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
  readonly setTimer: (ms: number, run: () => void) => () => void;
}

/** Runs something when the configuration says so, across restarts and clocks that are set. */
export class Scheduler {
  readonly #parts: SchedulerParts;
  #cancel: () => void = () => undefined;
  #isStopped = false;
  readonly #since: number;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#since = parts.clock.now();
  }

  start(): void {
    this.#wait(SETTLE_MS);
  }

  /** Look anew: the configuration has changed. */
  follow(): void {
    if (!this.#isStopped) this.#wait(1_000);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #wait(ms: number): void {
    this.#cancel();
    this.#cancel = this.#parts.setTimer(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { what, schedule, last, clock, run, logger } = this.#parts;
    const wanted = schedule();
    if (wanted === undefined || this.#isStopped) return;
    try {
      const due = nextRun(wanted, { last: await last(), since: this.#since, now: clock.now() });
      if (due !== undefined && due <= clock.now()) await run();
    } catch (cause) {
      logger.error('what is scheduled did not run', { what, cause: String(cause) });
    }
    if (!this.#isStopped) this.#wait(LOOK_MS);
  }
}
