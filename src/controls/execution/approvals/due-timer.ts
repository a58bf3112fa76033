/** Call `run` once after `ms`; the returned function takes it back. */
export type SetTimer = (ms: number, run: () => void) => () => void;

/** The longest delay that setTimeout takes without wrapping to 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemTimer: SetTimer = (ms, run) => {
  const timer = setTimeout(run, Math.min(ms, MAX_TIMER_MS));
  timer.unref();
  return () => clearTimeout(timer);
};

/** One timer for the next thing that is due; none while nothing is, so that an idle gateway does not wake. */
export class DueTimer {
  readonly #setTimer: SetTimer;
  readonly #run: () => void;
  #cancel: (() => void) | undefined;

  constructor(setTimer: SetTimer, run: () => void) {
    this.#setTimer = setTimer;
    this.#run = run;
  }

  /** Wait `ms` milliseconds, or not at all when undefined; replaces what was waited for before. */
  set(ms: number | undefined): void {
    this.#cancel?.();
    this.#cancel = ms === undefined ? undefined : this.#setTimer(Math.max(ms, 0), this.#run);
  }
}
