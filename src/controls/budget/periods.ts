import type { Period } from './types.ts';

const MINUTE = 60_000;
const LENGTH = { minute: MINUTE, hour: 60 * MINUTE, day: 24 * 60 * MINUTE } as const;

/** When the period began that holds this moment; Unix milliseconds, calendar of UTC. */
export function periodStart(period: Period, now: number): number {
  if (period !== 'month') return Math.floor(now / LENGTH[period]) * LENGTH[period];
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

/** When the period ends that began at `start`. */
export function periodEnd(period: Period, start: number): number {
  if (period !== 'month') return start + LENGTH[period];
  const date = new Date(start);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
