import { type Kysely, sql } from 'kysely';

/** Lists are JSON text, times are Unix milliseconds. */
export interface PrincipalTable {
  id: string;
  name: string;
  kind: 'person' | 'service';
  owner: string;
  ticket: string;
  scopes: string;
  agents: string;
  addresses: string;
  created_at: number;
  expires_at: number | null;
  disabled_at: number | null;
}

/** What a transport vouches for, and whom it stands for. One identity is one principal's. */
export interface IdentityTable {
  kind: 'oidc' | 'certificate' | 'proxy' | 'chat';
  value: string;
  principal: string;
}

export interface PrincipalTables {
  auth_principals: PrincipalTable;
  auth_identities: IdentityTable;
}

export async function createPrincipalTables(db: Kysely<unknown>): Promise<void> {
  await sql`create table auth_principals (
    id text primary key,
    name text not null unique,
    kind text not null check (kind in ('person', 'service')),
    owner text not null,
    ticket text not null,
    scopes text not null,
    agents text not null,
    addresses text not null,
    created_at bigint not null,
    expires_at bigint,
    disabled_at bigint)`.execute(db);
  await sql`create table auth_identities (
    kind text not null check (kind in ('oidc', 'certificate', 'proxy')),
    value text not null,
    principal text not null,
    primary key (kind, value))`.execute(db);
}

/** Chat senders became identities; which kinds there are is checked where they are written. */
export async function allowChatIdentities(db: Kysely<unknown>): Promise<void> {
  await sql`alter table auth_identities rename to auth_identities_before_chat`.execute(db);
  await sql`create table auth_identities (
    kind text not null,
    value text not null,
    principal text not null,
    primary key (kind, value))`.execute(db);
  await sql`insert into auth_identities (kind, value, principal)
    select kind, value, principal from auth_identities_before_chat`.execute(db);
  await sql`drop table auth_identities_before_chat`.execute(db);
}
