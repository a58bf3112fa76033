import type { Kysely, Selectable, Updateable } from 'kysely';
import { SESSION_CODES } from '../codes.ts';
import { createProvenanceService, type Provenance } from '../provenance/service.ts';
import type { SessionFilter, SessionPatch, SessionRow, SessionService } from '../types.ts';
import { clearTaint } from './clear-taint.ts';
import { canonicalKey } from './keys.ts';
import { createTurnLog, type TurnLog } from './log.ts';
import { currentRow, openSession, type SessionStoreOptions } from './open.ts';
import { toMessage, toSession } from './rows.ts';
import type { SessionTables } from './tables.ts';

/** Rows of one list or history page. */
export const MAX_PAGE = 1000;
const DEFAULT_PAGE = 200;

/** Characters of a label or level that a caller may set. */
export const MAX_LABEL = 200;

/** Sessions as everyone sees them, and the write side that only the turn loop uses. */
export interface SessionStore extends SessionService {
  readonly log: TurnLog;
  readonly provenance: Provenance;
}

/** Sessions over a database that has this folder's tables. */
export function createSessionService(options: SessionStoreOptions): SessionStore {
  const { db, clock } = options;
  const provenance = createProvenanceService(options);

  async function current(space: string, key: string): Promise<Selectable<SessionTables['sessions']>> {
    const row = await currentRow(db, space, key);
    if (row === undefined) throw SESSION_CODES.error('SESSION_NOT_FOUND');
    return row;
  }

  return {
    log: createTurnLog(options),
    provenance,
    taintOf: async (sessionId) => ({
      events: await provenance.events(sessionId),
      files: await provenance.filesOf(sessionId),
    }),
    clearTaint: (space, key, cleared) => clearTaint(options, space, key, cleared),
    canonicalKey,
    list: (filter) => list(db, filter),
    history: (sessionId, page = {}) => history(db, sessionId, page),
    async find(space, key) {
      const row = await currentRow(db, space, key);
      return row === undefined ? undefined : toSession(row);
    },
    async findById(sessionId) {
      const row = await db
        .selectFrom('sessions')
        .selectAll()
        .where('session_id', '=', sessionId)
        .executeTakeFirst();
      return row === undefined ? undefined : toSession(row);
    },
    open: (space, key) => db.transaction().execute((trx) => openSession(trx, options, space, key)),
    async patch(space, key, patch) {
      const change = patchColumns(patch);
      const row = await current(space, key);
      await db
        .updateTable('sessions')
        .set({ ...change, updated_at: clock.now() })
        .where('session_id', '=', row.session_id)
        .execute();
      return toSession(await current(space, key));
    },
    reset: (space, key) =>
      db.transaction().execute(async (trx) => {
        const row = await currentRow(trx, space, key);
        if (row?.active_run_id) throw SESSION_CODES.error('SESSION_BUSY');
        if (row !== undefined) {
          const old = trx.updateTable('sessions').set({ is_current: 0 });
          await old.where('session_id', '=', row.session_id).execute();
        }
        return openSession(trx, options, space, key);
      }),
    delete: (space, key) =>
      db.transaction().execute(async (trx) => {
        const row = await currentRow(trx, space, key);
        if (row === undefined) return false;
        if (row.active_run_id) throw SESSION_CODES.error('SESSION_BUSY');
        await trx.deleteFrom('turns').where('space', '=', space).where('key', '=', key).execute();
        await trx.deleteFrom('sessions').where('space', '=', space).where('key', '=', key).execute();
        return true;
      }),
  };
}

function patchColumns(patch: SessionPatch): Updateable<SessionTables['sessions']> {
  for (const value of [patch.label, patch.model, patch.thinkingLevel, patch.verboseLevel]) {
    if (typeof value !== 'string') continue;
    if (value.length === 0 || value.length > MAX_LABEL || /\p{Cc}/u.test(value)) {
      throw SESSION_CODES.error('SESSION_PATCH_INVALID');
    }
  }
  return {
    ...(patch.label === undefined ? {} : { label: patch.label }),
    ...(patch.model === undefined ? {} : { model: patch.model }),
    ...(patch.thinkingLevel === undefined ? {} : { thinking_level: patch.thinkingLevel }),
    ...(patch.verboseLevel === undefined ? {} : { verbose_level: patch.verboseLevel }),
    ...(patch.archived === undefined ? {} : { archived: patch.archived ? 1 : 0 }),
    ...(patch.pinned === undefined ? {} : { pinned: patch.pinned ? 1 : 0 }),
  };
}

function pageSize(limit: number | undefined): number {
  return Math.min(Math.max(1, Math.trunc(limit ?? DEFAULT_PAGE)), MAX_PAGE);
}

async function list(
  db: Kysely<SessionTables>,
  filter: SessionFilter,
): Promise<{ readonly sessions: readonly SessionRow[]; readonly total: number }> {
  let query = db.selectFrom('sessions').where('is_current', '=', 1);
  if (filter.space !== undefined) query = query.where('space', '=', filter.space);
  if (filter.agent !== undefined) query = query.where('agent', '=', filter.agent);
  if (filter.archived !== undefined) query = query.where('archived', '=', filter.archived ? 1 : 0);
  if (filter.activeSince !== undefined) query = query.where('updated_at', '>=', filter.activeSince);
  if (filter.search !== undefined && filter.search !== '') {
    const term = filter.search.toLowerCase();
    query = query.where((eb) =>
      eb.or(
        (['key', 'label', 'preview'] as const).map((column) =>
          eb(eb.fn<number>('instr', [eb.fn('lower', [column]), eb.val(term)]), '>', 0),
        ),
      ),
    );
  }
  const rows = await query
    .selectAll()
    .orderBy('pinned', 'desc')
    .orderBy('updated_at', 'desc')
    .orderBy('session_id')
    .limit(pageSize(filter.limit))
    .offset(Math.max(0, Math.trunc(filter.offset ?? 0)))
    .execute();
  const { total } = await query
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  return { sessions: rows.map(toSession), total };
}

async function history(
  db: Kysely<SessionTables>,
  sessionId: string,
  page: { readonly limit?: number; readonly beforeSeq?: number },
) {
  let query = db.selectFrom('messages').selectAll().where('session_id', '=', sessionId);
  if (page.beforeSeq !== undefined) query = query.where('seq', '<', page.beforeSeq);
  const rows = await query.orderBy('seq', 'desc').limit(pageSize(page.limit)).execute();
  return rows.reverse().map(toMessage);
}
