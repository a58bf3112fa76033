import type { CopyOrder, CopyReport, Sealed, SealOrder } from '../../controls/backup/index.ts';

/** What the gateway asks the process that makes a backup. */
export type BackupRequest = ({ readonly op: 'copy' } & CopyOrder) | ({ readonly op: 'seal' } & SealOrder);

export type BackupAnswer =
  | { readonly ok: true; readonly result: CopyReport | Sealed }
  /** `code` is one of ours or of the system (`ENOSPC`). */
  | { readonly ok: false; readonly code: string; readonly message: string };
