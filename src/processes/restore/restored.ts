import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LedgerService } from '../../controls/trace/types.ts';
import type { HomePaths } from '../../operations/services.ts';
import { type Ended, type EndParts, endAgain, NOTHING_ENDED } from './ended.ts';

interface Restored {
  readonly id: string;
  readonly at: number;
  readonly ledger: 'kept' | 'backup';
  readonly reason: string;
  readonly ended: Ended;
}

/** Left in the state of a home that was restored, for whoever opens it first. */
export const restoredNote = {
  name: 'restored.json',
  write: (restored: Restored) => JSON.stringify(restored),
};

/**
 * Take away again what was revoked after the backup, before anybody is let in, and write the restore down. Browser
 * sessions of then end as well: who was logged in logs in again.
 */
export async function afterRestore(
  { ledger: records, ...parts }: EndParts & { readonly ledger: Pick<LedgerService, 'append'> },
  { state }: Pick<HomePaths, 'state'>,
): Promise<void> {
  const path = join(state, restoredNote.name);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return;
  }
  const { id, at, ledger, reason, ended } = JSON.parse(text) as Restored;
  const again = await endAgain(parts, { ...NOTHING_ENDED, ...ended });
  for (const session of await parts.auth.browser.list()) await parts.auth.browser.end(session.id, 'restored');
  await records.append({
    type: 'change',
    action: 'backup.restored',
    outcome: 'success',
    subject: { principal: 'local' },
    data: { id, madeAt: at, ledger, reason, again },
  });
  parts.logger.warn('this home was restored from a backup', { id, ledger });
  rmSync(path);
}
