import { type Generated, type Kysely, sql } from 'kysely';

interface BackupTable {
  number: Generated<number>;
  id: string;
  /** Unix milliseconds when it was begun. */
  at: number;
  author: string;
  reason: string;
  scheduled: number;
  /** `running`, `good`, `failed` or `deleted`. */
  status: string;
  code: string | null;
  path: string;
  bytes: number | null;
  /** SHA-256 of the encrypted file. */
  digest: string | null;
  /** Records of the ledger in it. */
  records: number | null;
  /** Snapshot of the configuration in it. */
  snapshot: number | null;
}

export interface BackupTables {
  backups: BackupTable;
}

export const migrations: Readonly<Record<string, (db: Kysely<unknown>) => Promise<void>>> = {
  'backup-0001-backups': async (db) => {
    await sql`create table backups (
      number integer primary key autoincrement,
      id text not null unique,
      at integer not null,
      author text not null,
      reason text not null,
      scheduled integer not null,
      status text not null,
      code text,
      path text not null,
      bytes integer,
      digest text,
      records integer,
      snapshot integer
    ) strict`.execute(db);
  },
};
