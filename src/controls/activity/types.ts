/** One hour of one kind of thing that happened. */
export interface Counted {
  /** Hours since 1970 in UTC. */
  readonly hour: number;
  readonly type: string;
  readonly action: string;
  readonly outcome: string;
  readonly code: string;
  readonly detail: string;
  readonly agent: string;
  readonly count: number;
  readonly first: number;
  readonly second: number;
}

/** Counts behind a position in the ledger, and how far they reach. */
export type CountRecords = (
  after: number,
  limit: number,
) => Promise<{ readonly tallies: readonly Counted[]; readonly position: number }>;

export interface ActivityFilter {
  /** Unix milliseconds; rounded down to the hour. */
  readonly since?: number;
  /** Unix milliseconds; hours that begin before it. */
  readonly until?: number;
  readonly type?: string;
  readonly action?: string;
}

export interface ActivityService {
  /** Take over what was recorded since the last time; every question does it first. */
  catchUp(): Promise<void>;
  /** Sums over a period, one for each of the columns that are asked for; the most frequent first. */
  sums(filter: ActivityFilter, by: readonly ActivityColumn[], limit: number): Promise<readonly Counted[]>;
  /** When each detail of an action was last seen, in Unix milliseconds to the hour. */
  lastSeen(type: string, action: string): Promise<ReadonlyMap<string, number>>;
  /** Sums since this process began, over everything that was taken over by it. */
  totals(): readonly Counted[];
}

export const ACTIVITY_COLUMNS = ['hour', 'type', 'action', 'outcome', 'code', 'detail', 'agent'] as const;
export type ActivityColumn = (typeof ACTIVITY_COLUMNS)[number];
