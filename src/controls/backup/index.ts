export { openArchive, type Sealed, type SealOrder, sealArchive } from './archive.ts';
export { checkBackups } from './checks.ts';
export { BACKUP_CODES } from './codes.ts';
export {
  BACKUP_TYPE,
  type BackupFile,
  type BackupManifest,
  type LedgerExtent,
  type LedgerHead,
  parseManifest,
} from './manifest.ts';
export { DEFAULT_KEEP } from './retention.ts';
export { type BackupService, createBackups } from './service.ts';
export { type BackupTables, migrations } from './tables.ts';
export type * from './types.ts';
