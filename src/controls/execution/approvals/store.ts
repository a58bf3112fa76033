import type { Insertable, Kysely, Selectable, Updateable } from 'kysely';
import type { Subject } from '../../../kernel/index.ts';
import type { ApprovalBinding, ApprovalReach, ApprovalRecord, ApprovalStatus } from '../types.ts';
import type { ApprovalTable, ApprovalTables } from './tables.ts';

export type ApprovalRow = Selectable<ApprovalTable>;

/** States in which an approval can still lead to a run; there is at most one of them per binding. */
const OPEN: readonly ApprovalStatus[] = ['pending', 'allowed'];

export function recordOf(row: ApprovalRow): ApprovalRecord {
  return {
    id: row.id,
    bindingHash: row.binding_hash,
    binding: JSON.parse(row.binding) as ApprovalBinding,
    commandText: row.command_text,
    title: row.title,
    diff: row.diff,
    reach: row.reach === null ? null : (JSON.parse(row.reach) as ApprovalReach),
    batch: row.batch,
    people: row.people,
    allowedBy: allowedBy(row),
    standingUntil: row.standing_until,
    reason: row.reason,
    rule: row.rule,
    subject: JSON.parse(row.subject) as Subject,
    status: row.status,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    resolvedAt: row.resolved_at,
    resolvedBy: row.resolved_by,
    decision: row.decision,
  };
}

function allowedBy({ first_by, resolved_by, decision }: ApprovalRow): readonly string[] {
  const second = decision === null || decision === 'deny' ? null : resolved_by;
  return [first_by, second].filter((who) => who !== null);
}

/** Rows of approvals. Every change of state is one conditional statement, so that two callers cannot both win. */
export class ApprovalStore {
  readonly #db: Kysely<ApprovalTables>;

  constructor(db: Kysely<ApprovalTables>) {
    this.#db = db;
  }

  find(id: string): Promise<ApprovalRow | undefined> {
    return this.#db.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst();
  }

  findOpen(hash: string): Promise<ApprovalRow | undefined> {
    const open = this.#db.selectFrom('approvals').selectAll().where('binding_hash', '=', hash);
    return open.where('status', 'in', OPEN).executeTakeFirst();
  }

  /** A standing approval ends by itself, and with any denial of the same binding that came after it. */
  findStanding(hash: string, now: number): Promise<ApprovalRow | undefined> {
    return this.#db
      .selectFrom('approvals')
      .selectAll()
      .where('binding_hash', '=', hash)
      .where('standing_until', '>', now)
      .where('decision', '=', 'allow-always')
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('approvals as later')
              .select('later.id')
              .where('later.binding_hash', '=', hash)
              .where('later.status', '=', 'denied')
              .whereRef('later.resolved_at', '>=', 'approvals.resolved_at'),
          ),
        ),
      )
      .orderBy('standing_until', 'desc')
      .executeTakeFirst();
  }

  async pendingOf(session: string): Promise<number> {
    const { count } = await this.#db
      .selectFrom('approvals')
      .select((build) => build.fn.countAll<number>().as('count'))
      .where('session', '=', session)
      .where('status', '=', 'pending')
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  async nextDue(): Promise<number | undefined> {
    const row = await this.#db
      .selectFrom('approvals')
      .select('expires_at')
      .where('status', 'in', OPEN)
      .orderBy('expires_at')
      .limit(1)
      .executeTakeFirst();
    return row?.expires_at;
  }

  list(status: ApprovalStatus | undefined, limit: number): Promise<ApprovalRow[]> {
    const newest = this.#db.selectFrom('approvals').selectAll().orderBy('created_at', 'desc').orderBy('id');
    return (status === undefined ? newest : newest.where('status', '=', status)).limit(limit).execute();
  }

  /** The new row, or undefined when an open one of the same binding is already there. */
  insert(row: Insertable<ApprovalTable>): Promise<ApprovalRow | undefined> {
    return this.#db
      .insertInto('approvals')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst();
  }

  /** Move one row out of a state; undefined when it was not in it any more. */
  move(id: string, from: ApprovalStatus, to: Updateable<ApprovalTable>): Promise<ApprovalRow | undefined> {
    const update = this.#db.updateTable('approvals').set(to).where('id', '=', id).where('status', '=', from);
    return update.where('consumed_at', 'is', null).returningAll().executeTakeFirst();
  }

  /** As `move` from `allowed`, but only for this binding and before its expiry. */
  consume(id: string, hash: string, now: number): Promise<ApprovalRow | undefined> {
    return this.#db
      .updateTable('approvals')
      .set({ status: 'consumed', consumed_at: now })
      .where('id', '=', id)
      .where('binding_hash', '=', hash)
      .where('status', '=', 'allowed')
      .where('consumed_at', 'is', null)
      .where('expires_at', '>', now)
      .returningAll()
      .executeTakeFirst();
  }

  /** Note the first of two answers; undefined when somebody else was first, or it does not wait any more. */
  firstOf(id: string, by: string): Promise<ApprovalRow | undefined> {
    const update = this.#db.updateTable('approvals').set({ first_by: by }).where('id', '=', id);
    return update
      .where('status', '=', 'pending')
      .where('first_by', 'is', null)
      .returningAll()
      .executeTakeFirst();
  }

  pendingOfBatch(batch: string): Promise<ApprovalRow[]> {
    const rows = this.#db.selectFrom('approvals').selectAll().where('batch', '=', batch);
    return rows.where('status', '=', 'pending').orderBy('created_at').orderBy('id').execute();
  }

  /** Answered questions about one command each, since then (Unix milliseconds). */
  answered(since: number, limit: number): Promise<ApprovalRow[]> {
    return this.#db
      .selectFrom('approvals')
      .selectAll()
      .where('created_at', '>=', since)
      .where('commands', 'is not', null)
      .where('standing_of', 'is', null)
      .where('status', 'in', ['allowed', 'consumed', 'denied'])
      .orderBy('created_at', 'desc')
      .limit(limit)
      .execute();
  }

  expire(now: number): Promise<ApprovalRow[]> {
    const due = this.#db.updateTable('approvals').set({ status: 'expired' }).where('status', 'in', OPEN);
    return due.where('expires_at', '<=', now).returningAll().execute();
  }

  cancelRun(run: string, now: number): Promise<ApprovalRow[]> {
    const open = this.#db.updateTable('approvals').set({ status: 'cancelled', resolved_at: now });
    return open.where('run', '=', run).where('status', 'in', OPEN).returningAll().execute();
  }
}
