import { defineCodes } from '../../kernel/index.ts';

/** Why a store on disk could not be used. */
export const STORE_CODES = defineCodes({
  STORE_NEWER: {
    summary: 'the database was written by a newer version of Gatehouse',
    fix: 'Start the version that wrote it, or restore the backup that was made before the upgrade.',
    status: 503,
  },
  STORE_CORRUPT: {
    summary: 'the database file is damaged or is not a database',
    fix: 'Stop Gatehouse, keep the file for inspection, and restore the last backup in its place.',
    status: 503,
  },
  STORE_UNAVAILABLE: {
    summary: 'the database cannot be read or written',
    fix: 'Check free space, the permissions of the state directory, and that its disk is mounted for writing.',
    status: 503,
  },
  STORE_BUSY: {
    summary: 'another process holds the database for too long',
    fix: 'Stop the other process that uses this home, then try again.',
    status: 503,
  },
  STORE_MIGRATION_FAILED: {
    summary: 'the database could not be brought to this version; nothing of the failed step was kept',
    fix: 'Start the previous version, and report the cause that is in the log.',
    status: 503,
  },
});
