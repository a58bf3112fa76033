/** Call `run` once after `ms`; the returned function takes it back. Never keeps the process alive. */
export type SetTimer = (ms: number, run: () => void) => () => void;

const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemTimer: SetTimer = (ms, run) => {
  const timer = setTimeout(run, Math.min(ms, MAX_TIMER_MS));
  timer.unref();
  return () => clearTimeout(timer);
};
