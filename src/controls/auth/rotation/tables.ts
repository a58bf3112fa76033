import { type Kysely, sql } from 'kysely';

/** One rotation of a token's name. Times are Unix milliseconds; lists are JSON text. */
export interface RotationTable {
  id: string;
  name: string;
  old_token: string;
  new_token: string;
  started_at: number;
  sunset_at: number;
  ticket: string;
  owner: string;
  by: string;
  status: 'running' | 'done' | 'aborted';
  ended_at: number | null;
}

/** Who used a token from where. The user agent is the client's own word; the address is not. */
export interface ConsumerTable {
  token: string;
  address: string;
  user_agent: string;
  first_at: number;
  last_at: number;
  uses: number;
  failures: number;
  last_failure_at: number | null;
  last_failure: string | null;
}

export interface RotationTables {
  auth_rotations: RotationTable;
  auth_consumers: ConsumerTable;
}

export async function createRotationTables(db: Kysely<unknown>): Promise<void> {
  await sql`alter table auth_tokens add column version integer not null default 1`.execute(db);
  await sql`alter table auth_tokens add column family text`.execute(db);
  await sql`alter table auth_tokens add column sunset_at bigint`.execute(db);
  await sql`alter table auth_tokens add column canary text`.execute(db);
  await sql`update auth_tokens set family = id`.execute(db);
  await sql`drop index auth_tokens_name`.execute(db);
  await sql`create unique index auth_tokens_name on auth_tokens (name, version)
    where revoked_at is null and kind = 'token'`.execute(db);
  await sql`create table auth_rotations (
    id text primary key,
    name text not null,
    old_token text not null,
    new_token text not null,
    started_at bigint not null,
    sunset_at bigint not null,
    ticket text not null,
    owner text not null,
    by text not null,
    status text not null check (status in ('running', 'done', 'aborted')),
    ended_at bigint)`.execute(db);
  await sql`create unique index auth_rotations_running on auth_rotations (name)
    where status = 'running'`.execute(db);
  await sql`create table auth_consumers (
    token text not null,
    address text not null,
    user_agent text not null,
    first_at bigint not null,
    last_at bigint not null,
    uses bigint not null,
    failures bigint not null,
    last_failure_at bigint,
    last_failure text,
    primary key (token, address, user_agent))`.execute(db);
}
