import { type Kysely, sql } from 'kysely';

/** Whose rights a link or a session has. Lists are JSON text, times are Unix milliseconds. */
interface RightsColumns {
  principal: string;
  name: string;
  /** Bounds at the time it was made; what the principal and the parent may do now bounds it further. */
  scopes: string;
  agents: string;
  /** The credential whose holder made it for itself; null when an administrator made it for a stored principal. */
  parent: string | null;
  created_at: number;
  expires_at: number;
}

export interface LoginCodeTable extends RightsColumns {
  /** SHA-256 of the code in hex; the code itself is stored nowhere. */
  digest: string;
  created_by: string;
  used_at: number | null;
}

export interface BrowserSessionTable extends RightsColumns {
  id: string;
  /** SHA-256 of the cookie's value in hex. */
  digest: string;
  seen_at: number;
  ended_at: number | null;
  ended_reason: string | null;
  address: string;
  user_agent: string;
}

export interface BrowserTables {
  auth_login_codes: LoginCodeTable;
  auth_browser_sessions: BrowserSessionTable;
}

const RIGHTS = sql.raw(`
  principal text not null,
  name text not null,
  scopes text not null,
  agents text not null,
  parent text,
  created_at bigint not null,
  expires_at bigint not null`);

export async function createBrowserTables(db: Kysely<unknown>): Promise<void> {
  await sql`create table auth_login_codes (${RIGHTS},
    digest text primary key,
    created_by text not null,
    used_at bigint)`.execute(db);
  await sql`create table auth_browser_sessions (${RIGHTS},
    id text primary key,
    digest text not null unique,
    seen_at bigint not null,
    ended_at bigint,
    ended_reason text,
    address text not null,
    user_agent text not null)`.execute(db);
}
