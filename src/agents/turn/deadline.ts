/** A time limit that stands still while a person is asked. */
export interface Deadline {
  pause(): void;
  resume(): void;
  clear(): void;
}

/** Calls `expired` once after `ms` milliseconds of unpaused time. Pauses nest. */
export function createDeadline(ms: number, monotonic: () => number, expired: () => void): Deadline {
  let left = ms;
  let since = monotonic();
  let paused = 0;
  let timer: NodeJS.Timeout | undefined = setTimeout(expired, left);
  timer.unref();
  return {
    pause() {
      paused += 1;
      if (paused > 1) return;
      clearTimeout(timer);
      left -= monotonic() - since;
    },
    resume() {
      paused -= 1;
      if (paused > 0 || timer === undefined) return;
      since = monotonic();
      timer = setTimeout(expired, Math.max(0, left));
      timer.unref();
    },
    clear() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
