import { closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { LEDGER_CODES } from './codes.ts';

const WRITER_NAME = /^[a-z][a-z0-9-]{0,31}$/;

export interface WriterLock {
  release(): void;
}

/**
 * Be the only process that writes as `writer`. The lock is SQLite's own file lock on an empty file beside the
 * ledger: the operating system drops it with the process, so a killed writer leaves nothing to clean up and a
 * reused process id means nothing. Throws LEDGER_WRITER_BUSY after `waitMs` milliseconds.
 */
export function lockWriter(ledgerPath: string | null, writer: string, waitMs: number): WriterLock {
  if (!WRITER_NAME.test(writer)) throw LEDGER_CODES.error('LEDGER_WRITER_INVALID');
  if (ledgerPath === null) return { release: () => {} };
  const path = `${ledgerPath}.${writer}.lock`;
  createOwnerOnly(path);
  const holder = new DatabaseSync(path, { timeout: waitMs });
  try {
    holder.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    holder.close();
    throw LEDGER_CODES.error('LEDGER_WRITER_BUSY', undefined, { cause, details: { writer } });
  }
  return { release: () => holder.close() };
}

/** Never opens an existing file: closing it again would drop a lock that this process holds on it. */
function createOwnerOnly(path: string): void {
  if (existsSync(path)) return;
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
}
