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

interface KeptCheckpointTable {
  principal: string;
  id: number;
  /** Unix milliseconds. */
  at: number;
  payload: string;
  key_id: string;
  signature: string;
}

export interface EvidenceTables {
  baselines: BaselineTable;
  kept_checkpoints: KeptCheckpointTable;
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
  'evidence-0002-kept-checkpoints': async (db) => {
    await sql`create table kept_checkpoints (
      principal text not null,
      id integer not null,
      at integer not null,
      payload text not null,
      key_id text not null,
      signature text not null,
      primary key (principal, id)
    ) strict, without rowid`.execute(db);
  },
};
