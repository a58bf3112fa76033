import { sealArchive } from '../controls/backup/index.ts';
import { GatehouseError } from '../kernel/index.ts';
import { copyState } from './backup/copy.ts';
import type { BackupAnswer, BackupRequest } from './backup/protocol.ts';

/** Copies, proves, compresses and encrypts for the gateway, which goes on answering meanwhile; ends with it (D9). */
export async function main(): Promise<void> {
  if (process.send === undefined) process.exit(1);
  process.on('disconnect', () => process.exit(0));
  process.on(
    'message',
    (request: BackupRequest) => void answer(request).then((said) => process.send?.(said)),
  );
}

async function answer(request: BackupRequest): Promise<BackupAnswer> {
  try {
    const result = request.op === 'copy' ? await copyState(request) : await sealArchive(request);
    return { ok: true, result };
  } catch (thrown) {
    const { code, message, errcode } = thrown as Error & {
      readonly code?: string;
      readonly errcode?: number;
    };
    if (thrown instanceof GatehouseError) return { ok: false, code: thrown.code, message };
    // SQLITE_FULL is the disk's refusal in SQLite's words.
    const full = errcode !== undefined && (errcode & 0xff) === 13;
    return { ok: false, code: full ? 'ENOSPC' : (code ?? ''), message: String(message) };
  }
}
