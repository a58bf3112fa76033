import type { Sealed, SealOrder } from './archive.ts';
import type { BackupFile, LedgerExtent } from './manifest.ts';
import type { Kept } from './retention.ts';

/** `backup` of the configuration, with what it means when it says nothing. */
export interface BackupSettings {
  readonly recipients: readonly string[];
  /** Absolute path. */
  readonly folder: string;
  readonly keep: Kept;
  readonly maxAgeHours: number;
}

export type BackupStatus = 'running' | 'good' | 'failed' | 'deleted' | 'missing';

export interface BackupRecord {
  readonly id: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly author: string;
  readonly reason: string;
  readonly scheduled: boolean;
  /** `missing`: it was good, and its file is not there any more. */
  readonly status: BackupStatus;
  /** Why it failed. */
  readonly code: string | null;
  readonly path: string;
  readonly bytes: number | null;
  /** SHA-256 of the encrypted file. */
  readonly digest: string | null;
  readonly records: number | null;
  readonly snapshot: number | null;
}

export interface CopyOrder {
  /** Folder for the copies; it exists and holds what was put there already. */
  readonly folder: string;
  readonly state: string;
  readonly keys: string;
}

export interface CopyReport {
  /** Everything in the folder now, sorted by name. */
  readonly files: readonly BackupFile[];
  readonly ledger: LedgerExtent;
  /** What verification of the copied ledger found; empty when it proves itself. */
  readonly problems: readonly string[];
}

/** A process of its own for what takes processor time: copying, verifying, compressing, encrypting. */
export interface BackupWorker extends AsyncDisposable {
  copy(order: CopyOrder): Promise<CopyReport>;
  seal(order: SealOrder): Promise<Sealed>;
}
