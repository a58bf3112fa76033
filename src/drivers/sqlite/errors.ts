import { GatehouseError } from '../../kernel/index.ts';
import { STORE_CODES } from './codes.ts';

type StoreCode = keyof typeof STORE_CODES.table;

/** Primary result codes, https://www.sqlite.org/rescode.html. */
const CODE_OF_RESULT: Readonly<Record<number, StoreCode>> = {
  3: 'STORE_UNAVAILABLE', // SQLITE_PERM
  5: 'STORE_BUSY', // SQLITE_BUSY
  6: 'STORE_BUSY', // SQLITE_LOCKED
  7: 'STORE_UNAVAILABLE', // SQLITE_NOMEM
  8: 'STORE_UNAVAILABLE', // SQLITE_READONLY
  10: 'STORE_UNAVAILABLE', // SQLITE_IOERR
  11: 'STORE_CORRUPT', // SQLITE_CORRUPT
  13: 'STORE_UNAVAILABLE', // SQLITE_FULL
  14: 'STORE_UNAVAILABLE', // SQLITE_CANTOPEN
  26: 'STORE_CORRUPT', // SQLITE_NOTADB
};

/** Whether another connection holds what this statement needs (SQLITE_BUSY and its extended codes). */
export function isBusy(thrown: unknown): boolean {
  const { errcode } = thrown as { errcode?: unknown };
  return typeof errcode === 'number' && (errcode & 0xff) === 5;
}

/**
 * A failure of the disk or the file as a listed code. Anything else, for example a broken constraint or
 * wrong SQL, is the caller's own and comes back as it was thrown.
 */
export function asStoreError(thrown: unknown): unknown {
  if (thrown instanceof GatehouseError || !(thrown instanceof Error)) return thrown;
  const { code, errcode } = thrown as Error & { code?: unknown; errcode?: unknown };
  if (code === 'ERR_INVALID_STATE') {
    return STORE_CODES.error('STORE_UNAVAILABLE', 'the database is closed', { cause: thrown });
  }
  if (code !== 'ERR_SQLITE_ERROR' || typeof errcode !== 'number') return thrown;
  const listed = CODE_OF_RESULT[errcode & 0xff];
  return listed === undefined ? thrown : STORE_CODES.error(listed, undefined, { cause: thrown });
}
