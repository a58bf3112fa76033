import { type Kysely, sql } from 'kysely';

/** What was used and set aside in the current period of one limit; money in millionths. */
export interface BudgetUseTable {
  scope: string;
  measure: string;
  period: string;
  started_at: number;
  used: number;
  reserved: number;
  /** 0, 80 or 100: what has been told of this period. */
  told: number;
  /** The limit as it was when something was last set aside. */
  allowed: number;
}

/** What is set aside and not settled yet; what a dead process leaves here was used. */
export interface BudgetReservationTable {
  id: string;
  /** JSON: which counters, of which period, how much. */
  entries: string;
  created_at: number;
}

export interface BudgetTables {
  budget_use: BudgetUseTable;
  budget_reservations: BudgetReservationTable;
}

export const migrations = {
  'budget-1': async (db: Kysely<unknown>): Promise<void> => {
    await sql`create table budget_use (
      scope text not null,
      measure text not null,
      period text not null,
      started_at bigint not null,
      used bigint not null,
      reserved bigint not null,
      told integer not null,
      allowed bigint not null,
      primary key (scope, measure, period))`.execute(db);
    await sql`create table budget_reservations (
      id text primary key,
      entries text not null,
      created_at bigint not null)`.execute(db);
  },
};
