import { type Generated, type Kysely, sql } from 'kysely';

interface RepairTable {
  number: Generated<number>;
  at: number;
  author: string;
  reason: string;
  status: string;
  /** JSON. */
  steps: string;
  before: string;
  after: string | null;
}

export interface RepairTables {
  repairs: RepairTable;
}

export const migrations: Readonly<Record<string, (db: Kysely<unknown>) => Promise<void>>> = {
  'repair-0001-repairs': async (db) => {
    await sql`create table repairs (
      number integer primary key autoincrement,
      at integer not null,
      author text not null,
      reason text not null,
      status text not null,
      steps text not null,
      before text not null,
      after text
    ) strict`.execute(db);
  },
};
