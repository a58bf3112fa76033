import { chmodSync, closeSync, lstatSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { STORE_CODES } from './codes.ts';
import { asStoreError } from './errors.ts';

/** Milliseconds that a statement waits for another process's transaction before it fails with STORE_BUSY. */
const BUSY_TIMEOUT_MS = 5_000;

/** Bytes that the write-ahead log is cut back to after a checkpoint. */
const MAX_IDLE_WAL_BYTES = 4 * 1024 * 1024;

const OWNER_ONLY = 0o600;
const MEMORY = ':memory:';

export interface ConnectionOptions {
  /** Milliseconds, default BUSY_TIMEOUT_MS. */
  readonly busyTimeoutMs?: number;
  /** Open without the right to change anything; the file must exist. */
  readonly readOnly?: boolean;
}

/**
 * Open one SQLite file as every store of Gatehouse does: write-ahead log, synchronous FULL, foreign keys,
 * readable by its owner only. Throws STORE_CORRUPT, STORE_BUSY or STORE_UNAVAILABLE.
 */
export function openConnection(path: string, options: ConnectionOptions = {}): DatabaseSync {
  const readOnly = options.readOnly ?? false;
  let raw: DatabaseSync | undefined;
  try {
    if (path !== MEMORY && !readOnly) restrict(path);
    raw = new DatabaseSync(path, {
      readOnly,
      timeout: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS,
      enableForeignKeyConstraints: true,
    });
    configure(raw, readOnly);
    return raw;
  } catch (thrown) {
    if (raw?.isOpen === true) raw.close();
    throw openingError(thrown);
  }
}

function configure(raw: DatabaseSync, readOnly: boolean): void {
  // A schema that somebody edited must not reach functions with side effects (https://www.sqlite.org/security.html).
  raw.enableDefensive(true);
  raw.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;');
  if (readOnly) {
    raw.exec('PRAGMA schema_version;');
    return;
  }
  raw.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${MAX_IDLE_WAL_BYTES};`,
  );
}

/**
 * SQLite gives -wal and -shm the mode of the database file, so that file is made first. An existing file is
 * never opened and closed here: closing any descriptor of it would drop the locks that another connection of
 * this process holds (POSIX advisory locks, https://www.sqlite.org/howtocorrupt.html section 2.2).
 */
function restrict(path: string): void {
  const existing = lstatSync(path, { throwIfNoEntry: false });
  if (existing === undefined) {
    closeSync(openSync(path, 'wx', OWNER_ONLY));
    return;
  }
  if (!existing.isFile()) {
    throw STORE_CODES.error('STORE_UNAVAILABLE', 'the database path is not a regular file', {
      fix: 'Put the database file itself there: links and directories are refused.',
    });
  }
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (found?.isFile() === true && (found.mode & 0o077) !== 0) chmodSync(file, OWNER_ONLY);
  }
}

function openingError(thrown: unknown): unknown {
  const mapped = asStoreError(thrown);
  if (mapped !== thrown || !(thrown instanceof Error) || !('syscall' in thrown)) return mapped;
  return STORE_CODES.error('STORE_UNAVAILABLE', undefined, { cause: thrown });
}
