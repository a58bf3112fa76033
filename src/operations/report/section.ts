import type { Services } from '../services.ts';

/** A table of the report: every row has as many cells as there are columns. */
export interface ReportSection {
  readonly id: string;
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly note: string;
}

/** What every section is made from. */
export interface Facts {
  readonly services: Services;
  /** Unix milliseconds; `until` is not part of it and never in the future. */
  readonly from: number;
  readonly until: number;
  readonly hours: number;
}

export function section(
  id: string,
  title: string,
  columns: readonly string[],
  rows: ReportSection['rows'],
  note = '',
): ReportSection {
  return { id, title, columns, rows, note };
}

/** So many in so many hours, as people read it. */
export function rateText(count: number, hours: number): string {
  const rate = hours <= 0 ? 0 : count / hours;
  return rate >= 100 ? rate.toFixed(0) : rate.toFixed(2);
}

/** `45 s`, `12 min`, `3.5 h`, `2 d`: a length of time in the largest unit that says something. */
export function durationText(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${Math.round(ms / 86_400_000)} d`;
}
