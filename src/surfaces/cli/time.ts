const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const DURATION = /^(\d{1,12})(ms|s|m|h|d|w)$/;

/** `250ms`, `30s`, `5m`, `2h`, `7d`, `1w` to milliseconds; undefined for anything else, also for a bare number. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  const factor = unit === undefined ? undefined : UNITS[unit];
  return factor === undefined ? undefined : Number(amount) * factor;
}

/** An ISO 8601 date, or a length of time before `now`, to Unix milliseconds. */
export function parseInstant(text: string, now: number): number | undefined {
  const ago = parseDuration(text);
  if (ago !== undefined) return Math.max(0, now - ago);
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** `1.2 s`, `3 min`, `2 h`, `5 d`: the largest unit that fits. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** `2026-03-01 12:00:05Z`: sorts, and says its zone. */
export function formatInstant(at: number): string {
  if (!Number.isFinite(at) || Math.abs(at) > 8.64e15) return String(at);
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
