import { OP_CODES } from '../codes.ts';

export interface ReportPeriod {
  readonly title: string;
  /** Unix milliseconds; the end is not part of it. */
  readonly from: number;
  readonly until: number;
}

const QUARTER = /^(\d{4})Q([1-4])$/i;

/** A quarter in UTC. @throws OP_INPUT_INVALID */
export function quarterOf(text: string): ReportPeriod {
  const [, year, quarter] = QUARTER.exec(text) ?? [];
  if (year === undefined) throw OP_CODES.error('OP_INPUT_INVALID', `${text} is no quarter: write 2026Q4`);
  const first = (Number(quarter) - 1) * 3;
  return {
    title: `${year}Q${quarter}`,
    from: Date.UTC(Number(year), first),
    until: Date.UTC(Number(year), first + 3),
  };
}

/** The quarter that holds this moment. */
export function currentQuarter(now: number): ReportPeriod {
  const date = new Date(now);
  return quarterOf(`${date.getUTCFullYear()}Q${Math.floor(date.getUTCMonth() / 3) + 1}`);
}
