import { closeSync, constants, fdatasync, fdatasyncSync, openSync } from 'node:fs';

/** Brings what SQLite has written to its write-ahead log onto the disk, without holding up the process. */
export interface LogSync {
  /** Everything that was committed before this call is durable once `done` is called without a cause. */
  start(done: (cause: Error | null) => void): void;
  /** The same, waiting for it. */
  now(): void;
  close(): void;
}

/**
 * The write-ahead log of this database, which must have been written to already. All connections of all processes
 * append to one log file, so one sync covers whatever was committed before it, as SQLite's own does
 * (https://www.sqlite.org/wal.html). The log carries no POSIX locks (they are on the database and its -shm), so a
 * descriptor of our own takes none away when it is closed.
 *
 * @returns undefined for a database that has no such file; SQLite then syncs every commit itself
 */
export function openLogSync(database: string | null): LogSync | undefined {
  if (database === null || database === '') return undefined;
  let file: number;
  try {
    file = openSync(`${database}-wal`, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  let underWay = 0;
  let closed = false;
  const closeWhenIdle = (): void => {
    if (closed && underWay === 0) closeSync(file);
  };
  return {
    start(done) {
      underWay += 1;
      fdatasync(file, (cause) => {
        underWay -= 1;
        closeWhenIdle();
        done(cause);
      });
    },
    now: () => fdatasyncSync(file),
    // A number that is closed while it is being synced could be another file's by then.
    close() {
      closed = true;
      closeWhenIdle();
    },
  };
}
