import { type Kysely, sql } from 'kysely';

/** A file, or a whole directory, that a session wrote after it had read something labelled. */
interface TaintFilesTable {
  /** Absolute path on the host. */
  readonly path: string;
  /** `tree`: everything below, because there was too much to name. */
  readonly kind: 'file' | 'tree';
  /** What the kernel says of the file; a run cannot set all of it. Empty for a tree. */
  readonly fingerprint: string;
  /** SHA-256 (hex) of small files, so that a copy or a restored one is known again; empty when there is none. */
  readonly digest: string;
  readonly size: number;
  /** JSON array of labels. */
  readonly labels: string;
  readonly source: string;
  readonly session_id: string;
  readonly run: string;
  readonly at: number;
}

/** How a session came to carry a label, and who took it away again. */
interface TaintEventsTable {
  readonly id: string;
  readonly session_id: string;
  readonly at: number;
  readonly label: string;
  readonly source: string;
  readonly run: string | null;
  cleared_at: number | null;
  cleared_by: string | null;
  cleared_reason: string | null;
}

/** A run that may be writing right now. */
interface TaintRunsTable {
  readonly call: string;
  /** JSON array of absolute paths on the host. */
  readonly folders: string;
  /** Unix milliseconds. */
  readonly since: number;
  readonly labels: string;
  readonly source: string;
  readonly session_id: string;
  readonly run: string;
}

export interface ProvenanceTables {
  taint_runs: TaintRunsTable;
  taint_files: TaintFilesTable;
  taint_events: TaintEventsTable;
}

export async function createProvenance(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE TABLE taint_files (
    path TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('file', 'tree')), fingerprint TEXT NOT NULL,
    digest TEXT NOT NULL, size INTEGER NOT NULL, labels TEXT NOT NULL, source TEXT NOT NULL,
    session_id TEXT NOT NULL, run TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID`.execute(db);
  await sql`CREATE INDEX taint_files_session ON taint_files (session_id)`.execute(db);
  await sql`CREATE TABLE taint_runs (
    call TEXT PRIMARY KEY, folders TEXT NOT NULL, since INTEGER NOT NULL, labels TEXT NOT NULL,
    source TEXT NOT NULL, session_id TEXT NOT NULL, run TEXT NOT NULL) STRICT`.execute(db);
  await sql`CREATE TABLE taint_events (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, at INTEGER NOT NULL, label TEXT NOT NULL,
    source TEXT NOT NULL, run TEXT, cleared_at INTEGER, cleared_by TEXT, cleared_reason TEXT) STRICT`.execute(
    db,
  );
  await sql`CREATE INDEX taint_events_session ON taint_events (session_id, at)`.execute(db);
}
