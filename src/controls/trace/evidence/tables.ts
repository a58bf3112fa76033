import { type Kysely, sql } from 'kysely';

interface BaselineTable {
  number: number;
  /** Unix milliseconds. */
  at: number;
  author: string;
  ticket: string;
  reason: string;
  /** The signed envelope as it was written. */
  envelope: string;
}

export interface EvidenceTables {
  baselines: BaselineTable;
}

export const migrations: Readonly<Record<string, (db: Kysely<unknown>) => Promise<void>>> = {
  'evidence-0001-baselines': async (db) => {
    await sql`create table baselines (
      number integer primary key autoincrement,
      at integer not null,
      author text not null,
      ticket text not null,
      reason text not null,
      envelope text not null
    ) strict`.execute(db);
  },
};
