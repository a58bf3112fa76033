import type { Kysely } from 'kysely';
import type { ActionKind } from '../../kernel/index.ts';
import type { GrantRecord, GrantStatus } from './types.ts';

/** Times are Unix milliseconds; match, layers and subject are JSON. */
export interface GrantTable {
  id: string;
  status: GrantStatus;
  kind: string;
  match: string;
  layers: string;
  subject: string;
  owner: string;
  ticket: string;
  reason: string;
  breakglass: number;
  requested_by: string;
  approved_by: string | null;
  created_at: number;
  expires_at: number;
  remaining_ms: number;
  duration_ms: number;
  ended_at: number | null;
  ended_by: string | null;
}

export interface GrantTables {
  grants: GrantTable;
}

async function createGrants(db: Kysely<unknown>): Promise<void> {
  // Egress reads rows of this table and never makes it: the query builder is loaded only where it does something.
  const { sql } = await import('kysely');
  await sql`create table grants (
    id text primary key,
    status text not null check (status in ('waiting', 'active', 'ended')),
    kind text not null,
    match text not null,
    layers text not null,
    subject text not null,
    owner text not null,
    ticket text not null,
    reason text not null,
    breakglass integer not null,
    requested_by text not null,
    approved_by text,
    created_at bigint not null,
    expires_at bigint not null,
    remaining_ms bigint not null,
    duration_ms bigint not null,
    ended_at bigint,
    ended_by text)`.execute(db);
  await sql`create index grants_status on grants (status)`.execute(db);
}

/** Steps of this folder's tables, by name, in the order they apply. */
export const migrations = { 'grants-001-grants': createGrants };

/** What egress reads for itself, straight from the file: it has no use for a query builder. */
export const ACTIVE_GRANTS_SQL =
  "SELECT * FROM grants WHERE status = 'active' ORDER BY created_at LIMIT 1000";

/** @throws when the row is none that this program wrote */
export function recordOf(row: GrantTable): GrantRecord {
  return {
    id: row.id,
    status: row.status,
    kind: row.kind as ActionKind,
    match: JSON.parse(row.match) as GrantRecord['match'],
    layers: JSON.parse(row.layers) as readonly string[],
    subject: JSON.parse(row.subject) as GrantRecord['subject'],
    owner: row.owner,
    ticket: row.ticket,
    reason: row.reason,
    breakglass: row.breakglass === 1,
    requestedBy: row.requested_by,
    approvedBy: row.approved_by,
    createdAt: Number(row.created_at),
    expiresAt: Number(row.expires_at),
    remainingMs: Number(row.remaining_ms),
    durationMs: Number(row.duration_ms),
    endedAt: row.ended_at === null ? null : Number(row.ended_at),
    endedBy: row.ended_by,
  };
}
