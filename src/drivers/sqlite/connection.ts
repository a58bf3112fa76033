import { chmodSync, closeSync, lstatSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { STORE_CODES } from './codes.ts';
import { asStoreError, isBusy } from './errors.ts';

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
  const timeout = options.busyTimeoutMs ?? BUSY_TIMEOUT_MS;
  let raw: DatabaseSync | undefined;
  try {
    if (path !== MEMORY && !readOnly) restrict(path);
    raw = new DatabaseSync(path, {
      readOnly,
      timeout,
      enableForeignKeyConstraints: true,
    });
    configure(raw, readOnly, timeout);
    return raw;
  } catch (thrown) {
    if (raw?.isOpen === true) raw.close();
    throw openingError(thrown);
  }
}

function configure(raw: DatabaseSync, readOnly: boolean, timeoutMs: number): void {
  // A schema that somebody edited must not reach functions with side effects (https://www.sqlite.org/security.html).
  raw.enableDefensive(true);
  raw.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;');
  if (readOnly) {
    raw.exec('PRAGMA schema_version;');
    return;
  }
  useWriteAheadLog(raw, timeoutMs);
  raw.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${MAX_IDLE_WAL_BYTES};`);
}

const RETRY_MS = 5;

/**
 * Gateway and egress open a new ledger at the same moment. Changing to the write-ahead log takes an exclusive lock
 * for which SQLite does not wait by itself, so the loser tries again.
 */
function useWriteAheadLog(raw: DatabaseSync, timeoutMs: number): void {
  const pause = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  for (let waited = 0; ; waited += RETRY_MS) {
    try {
      raw.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (thrown) {
      if (waited >= timeoutMs || !isBusy(thrown)) throw thrown;
      Atomics.wait(pause, 0, 0, RETRY_MS);
    }
  }
}

/**
 * SQLite gives -wal and -shm the mode of the database file, so that file is made first. An existing file is
 * never opened and closed here: closing any descriptor of it would drop the locks that another connection of
 * this process holds (POSIX advisory locks, https://www.sqlite.org/howtocorrupt.html section 2.2).
 */
function restrict(path: string): void {
  const existing = lstatSync(path, { throwIfNoEntry: false });
  if (existing === undefined) {
    create(path);
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

/** Another process may have made it in the meantime, which is as good. */
function create(path: string): void {
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
}

function openingError(thrown: unknown): unknown {
  const mapped = asStoreError(thrown);
  if (mapped !== thrown || !(thrown instanceof Error) || !('syscall' in thrown)) return mapped;
  return STORE_CODES.error('STORE_UNAVAILABLE', undefined, { cause: thrown });
}
