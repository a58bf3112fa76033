import type { Kysely, Selectable } from 'kysely';
import type { BrowserSessionTable, BrowserTables, LoginCodeTable } from './tables.ts';
import { SESSION_IDLE_MS } from './types.ts';

export type LoginCodeRow = Selectable<LoginCodeTable>;
export type SessionRow = Selectable<BrowserSessionTable>;

/** Links and sessions in the database, by digest. Read at every request and never cached (A4). */
export class BrowserStore {
  readonly #db: Kysely<BrowserTables>;

  constructor(db: Kysely<BrowserTables>) {
    this.#db = db;
  }

  async openLinks(now: number): Promise<number> {
    await this.#db.deleteFrom('auth_login_codes').where('expires_at', '<=', now).execute();
    const { count } = await this.#db
      .selectFrom('auth_login_codes')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('used_at', 'is', null)
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  async addLink(row: LoginCodeRow): Promise<void> {
    await this.#db.insertInto('auth_login_codes').values(row).execute();
  }

  /** Use the link up: of two who bring the same code at once, one gets it. */
  async takeLink(digest: string, now: number): Promise<LoginCodeRow | undefined> {
    return this.#db
      .updateTable('auth_login_codes')
      .set({ used_at: now })
      .where('digest', '=', digest)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .returningAll()
      .executeTakeFirst();
  }

  async addSession(row: SessionRow): Promise<void> {
    await this.#db.insertInto('auth_browser_sessions').values(row).execute();
  }

  async byDigest(digest: string): Promise<SessionRow | undefined> {
    return this.#db
      .selectFrom('auth_browser_sessions')
      .selectAll()
      .where('digest', '=', digest)
      .executeTakeFirst();
  }

  async open(now: number): Promise<readonly SessionRow[]> {
    return this.#db
      .selectFrom('auth_browser_sessions')
      .selectAll()
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .where('seen_at', '>', now - SESSION_IDLE_MS)
      .orderBy('created_at', 'desc')
      .execute();
  }

  async end(id: string, at: number, reason: string): Promise<void> {
    await this.#db
      .updateTable('auth_browser_sessions')
      .set({ ended_at: at, ended_reason: reason })
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .execute();
  }

  async seen(id: string, at: number): Promise<void> {
    await this.#db.updateTable('auth_browser_sessions').set({ seen_at: at }).where('id', '=', id).execute();
  }

  /** Drop what nobody can come back with. */
  async forget(before: number): Promise<void> {
    await this.#db.deleteFrom('auth_browser_sessions').where('expires_at', '<=', before).execute();
  }
}
