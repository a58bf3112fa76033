import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock, Random } from '../kernel/index.ts';

/** The machine's own clock and randomness; everything else receives them as ports. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

export const systemRandom: Random = {
  bytes: (size) => randomBytes(size),
  uuid: () => randomUUID(),
};

/** Call `run` once after `ms`; the returned function takes it back. Never keeps the process alive. */
export function afterwards(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
}
