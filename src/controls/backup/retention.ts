const DAY_MS = 86_400_000;

export interface Kept {
  /** The newest ones, whatever their age. */
  readonly last: number;
  /** Besides, the last of each day (UTC) for so many days. */
  readonly days: number;
}

export const DEFAULT_KEEP: Kept = { last: 14, days: 30 };

/** Which of these stay. The newest one always does, also when the clock was set back (attack 99). */
export function keptOf<T extends { readonly at: number }>(
  backups: readonly T[],
  { last, days }: Kept,
  now: number,
): ReadonlySet<T> {
  const newest = [...backups].sort((a, b) => b.at - a.at);
  const kept = new Set(newest.slice(0, Math.max(1, last)));
  const seen = new Set<number>();
  for (const backup of newest) {
    const day = Math.floor(backup.at / DAY_MS);
    if (seen.has(day) || backup.at < now - days * DAY_MS) continue;
    seen.add(day);
    kept.add(backup);
  }
  return kept;
}
