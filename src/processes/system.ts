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
