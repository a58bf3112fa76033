import { SESSION_CODES } from '../codes.ts';
import type { SessionRow, TaintClearance } from '../types.ts';
import { currentRow, type SessionStoreOptions } from './open.ts';
import { toSession } from './rows.ts';

/**
 * Take a session's labels away because a person says so, and keep who, why and when beside what had put them there.
 * The history that they came from stays in the conversation.
 *
 * @throws SESSION_NOT_FOUND, SESSION_BUSY while a turn runs: what it reads now would be forgotten
 */
export function clearTaint(
  { db, clock }: SessionStoreOptions,
  space: string,
  key: string,
  { by, reason, files }: TaintClearance,
): Promise<SessionRow> {
  return db.transaction().execute(async (trx) => {
    const row = await currentRow(trx, space, key);
    if (row === undefined) throw SESSION_CODES.error('SESSION_NOT_FOUND');
    if (row.active_run_id) throw SESSION_CODES.error('SESSION_BUSY');
    const now = clock.now();
    await trx
      .updateTable('taint_events')
      .set({ cleared_at: now, cleared_by: by, cleared_reason: reason })
      .where('session_id', '=', row.session_id)
      .where('cleared_at', 'is', null)
      .execute();
    if (files) await trx.deleteFrom('taint_files').where('session_id', '=', row.session_id).execute();
    await trx
      .updateTable('sessions')
      .set({ taint: '[]', updated_at: now })
      .where('session_id', '=', row.session_id)
      .execute();
    return toSession({ ...row, taint: '[]', updated_at: now });
  });
}
