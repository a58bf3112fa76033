import { type Kysely, sql } from 'kysely';
import { type BrowserTables, createBrowserTables } from './browser/tables.ts';
import { createExposureTables, type ExposureTables } from './exposure/tables.ts';
import { allowChatIdentities, createPrincipalTables, type PrincipalTables } from './principals/tables.ts';
import { createRotationTables, type RotationTables } from './rotation/tables.ts';

/** Lists are JSON text, times are Unix milliseconds. */
export interface TokenTable {
  id: string;
  kind: 'token' | 'device';
  name: string;
  /** Stays the same when a later version of the token is issued. */
  principal: string;
  /** SHA-256 of the token in hex; the token itself is stored nowhere. */
  digest: string;
  scopes: string;
  agents: string;
  addresses: string;
  owner: string;
  ticket: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
  last_used_from: string | null;
  device_id: string | null;
  /** 1, 2, 3 ... of one name. */
  version: number;
  /** Id of version 1: what all versions of one token have in common. */
  family: string | null;
  /** When a later version takes over for good; null when nothing does. */
  sunset_at: number | null;
  /** Address blocks that alone may use this version yet; null when everybody may. */
  canary: string | null;
}

interface DeviceColumns {
  device_id: string;
  public_key: string;
  principal: string;
  principal_name: string;
  /** The token whose holder paired the device; null when somebody approved it. It can do no more than that token. */
  parent_token: string | null;
  agents: string;
  display_name: string;
  platform: string;
  role: string;
  scopes: string;
  created_at: number;
}

export interface DeviceTable extends DeviceColumns {
  approved_at: number;
  approved_by: string;
}

export interface DeviceRequestTable extends DeviceColumns {
  request_id: string;
  client_id: string;
  client_mode: string;
  remote_ip: string;
  reason: 'not-paired' | 'scope-upgrade' | 'metadata-upgrade' | 'role-upgrade';
}

export interface AuthTables extends PrincipalTables, RotationTables, BrowserTables, ExposureTables {
  auth_tokens: TokenTable;
  auth_devices: DeviceTable;
  auth_device_requests: DeviceRequestTable;
}

const DEVICE_COLUMNS = sql.raw(`
  device_id text primary key,
  public_key text not null,
  principal text not null,
  principal_name text not null,
  parent_token text,
  agents text not null,
  display_name text not null,
  platform text not null,
  role text not null,
  scopes text not null,
  created_at bigint not null`);

async function createTables(db: Kysely<unknown>): Promise<void> {
  await sql`create table auth_tokens (
    id text primary key,
    kind text not null check (kind in ('token', 'device')),
    name text not null,
    principal text not null,
    digest text not null unique,
    scopes text not null,
    agents text not null,
    addresses text not null,
    owner text not null,
    ticket text not null,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint,
    last_used_at bigint,
    last_used_from text,
    device_id text)`.execute(db);
  await sql`create unique index auth_tokens_name on auth_tokens (name)
    where revoked_at is null and kind = 'token'`.execute(db);
  await sql`create index auth_tokens_device on auth_tokens (device_id)`.execute(db);
  await sql`create table auth_devices (${DEVICE_COLUMNS},
    approved_at bigint not null,
    approved_by text not null)`.execute(db);
  await sql`create table auth_device_requests (${DEVICE_COLUMNS},
    request_id text not null unique,
    client_id text not null,
    client_mode text not null,
    remote_ip text not null,
    reason text not null)`.execute(db);
}

/** Steps of this folder's tables, by name, in the order they apply. */
export const migrations = {
  'auth-001-tokens-and-devices': createTables,
  'auth-002-principals': createPrincipalTables,
  'auth-003-rotation': createRotationTables,
  'auth-010-browser': createBrowserTables,
  'auth-011-exposures': createExposureTables,
  'auth-012-chat-identities': allowChatIdentities,
};
