import type { Kysely } from 'kysely';
import { type GrantTables, recordOf } from './tables.ts';
import type { GrantRecord, GrantStatus } from './types.ts';

/** Ended grants that are listed at most; the ledger holds all of them. */
const MAX_LISTED = 1_000;

/** Grants that were made by commands, in the state database. */
export class GrantStore {
  readonly #db: Kysely<GrantTables>;

  constructor(db: Kysely<GrantTables>) {
    this.#db = db;
  }

  async insert(record: GrantRecord): Promise<void> {
    const { match, layers, subject } = record;
    await this.#db
      .insertInto('grants')
      .values({
        id: record.id,
        status: record.status,
        kind: record.kind,
        match: JSON.stringify(match),
        layers: JSON.stringify(layers),
        subject: JSON.stringify(subject),
        owner: record.owner,
        ticket: record.ticket,
        reason: record.reason,
        breakglass: record.breakglass ? 1 : 0,
        requested_by: record.requestedBy,
        approved_by: record.approvedBy,
        created_at: record.createdAt,
        expires_at: record.expiresAt,
        remaining_ms: record.remainingMs,
        duration_ms: record.durationMs,
        ended_at: record.endedAt,
        ended_by: record.endedBy,
      })
      .execute();
  }

  async get(id: string): Promise<GrantRecord | undefined> {
    const row = await this.#db.selectFrom('grants').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? undefined : recordOf(row);
  }

  /** Newest first. */
  async list(...statuses: readonly GrantStatus[]): Promise<readonly GrantRecord[]> {
    const rows = await this.#db
      .selectFrom('grants')
      .selectAll()
      .where('status', 'in', statuses)
      .orderBy('created_at', 'desc')
      .limit(MAX_LISTED)
      .execute();
    return rows.map(recordOf);
  }

  /** Put a waiting grant in force, once. False when it does not wait any more. */
  async activate(record: GrantRecord): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('grants')
      .set({
        status: 'active',
        approved_by: record.approvedBy,
        created_at: record.createdAt,
        expires_at: record.expiresAt,
        remaining_ms: record.remainingMs,
      })
      .where('id', '=', record.id)
      .where('status', '=', 'waiting')
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** End it for good, once. False when it had ended already. */
  async end(id: string, by: string, at: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('grants')
      .set({ status: 'ended', ended_at: at, ended_by: by, remaining_ms: 0 })
      .where('id', '=', id)
      .where('status', '!=', 'ended')
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Remember how much is left, never more than was remembered before. */
  async keepRemaining(id: string, remainingMs: number): Promise<void> {
    await this.#db
      .updateTable('grants')
      .set({ remaining_ms: remainingMs })
      .where('id', '=', id)
      .where('remaining_ms', '>', remainingMs)
      .execute();
  }
}
