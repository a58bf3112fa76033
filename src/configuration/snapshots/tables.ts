import { type Generated, type Kysely, sql } from 'kysely';

/** One applied configuration. There are no secrets in it, because there are none in a configuration (K1). */
interface ConfigSnapshotTable {
  number: Generated<number>;
  hash: string;
  at: number;
  author: string;
  ticket: string;
  reason: string;
  /** The configuration as JSON with its includes merged, before defaults. */
  config: string;
  /** JSON object: name of each of the home's playbooks to its text. */
  playbooks: string;
  /** Text of `policy/egress.yaml`; null when there was none. */
  egress: string | null;
}

export interface ConfigTables {
  config_snapshots: ConfigSnapshotTable;
}

export const migrations: Readonly<Record<string, (db: Kysely<unknown>) => Promise<void>>> = {
  'config-0001-snapshots': async (db) => {
    await sql`create table config_snapshots (
      number integer primary key autoincrement,
      hash text not null,
      at integer not null,
      author text not null,
      ticket text not null,
      reason text not null,
      config text not null,
      playbooks text not null
    ) strict`.execute(db);
  },
  'config-0002-egress': async (db) => {
    await sql`alter table config_snapshots add column egress text`.execute(db);
  },
};
