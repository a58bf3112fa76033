import { type Kysely, sql } from 'kysely';
import { createProvenance } from '../provenance/tables.ts';

async function createTables(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY, space TEXT NOT NULL, "key" TEXT NOT NULL, agent TEXT NOT NULL,
    is_current INTEGER NOT NULL, label TEXT, status TEXT NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    message_count INTEGER NOT NULL, preview TEXT, taint TEXT NOT NULL, model TEXT,
    thinking_level TEXT, verbose_level TEXT, archived INTEGER NOT NULL, pinned INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, active_run_id TEXT) STRICT`.execute(db);
  await sql`CREATE UNIQUE INDEX sessions_current ON sessions (space, "key") WHERE is_current = 1`.execute(db);
  await sql`CREATE INDEX sessions_updated ON sessions (is_current, updated_at)`.execute(db);
  await sql`CREATE TABLE messages (
    session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    seq INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, run TEXT, role TEXT NOT NULL,
    taint TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (session_id, seq)) STRICT, WITHOUT ROWID`.execute(
    db,
  );
  await sql`CREATE TABLE turns (
    run_id TEXT PRIMARY KEY, space TEXT NOT NULL, "key" TEXT NOT NULL, session_id TEXT NOT NULL,
    agent TEXT NOT NULL, status TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER,
    steps INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    digest TEXT NOT NULL, request TEXT NOT NULL, outcome TEXT) STRICT`.execute(db);
  await sql`CREATE INDEX turns_open ON turns (started_at) WHERE ended_at IS NULL`.execute(db);
  await sql`CREATE INDEX turns_recent ON turns (started_at)`.execute(db);
  await sql`CREATE INDEX turns_session ON turns (session_id)`.execute(db);
}

/** Steps that bring a database to these tables, by a name that sorts in the order they apply. */
export const migrations: Readonly<Record<string, (db: Kysely<unknown>) => Promise<void>>> = {
  'sessions-0001-tables': createTables,
  'sessions-0002-provenance': createProvenance,
};
