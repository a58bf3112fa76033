import { type Kysely, sql } from 'kysely';
import type { ApprovalDecision, ApprovalStatus } from '../types.ts';

/** Times are Unix milliseconds; `binding` and `subject` are JSON text. */
export interface ApprovalTable {
  id: string;
  binding_hash: string;
  binding: string;
  command_text: string;
  title: string;
  reason: string;
  rule: string;
  subject: string;
  session: string;
  run: string | null;
  status: ApprovalStatus;
  created_at: number;
  expires_at: number;
  resolved_at: number | null;
  resolved_by: string | null;
  decision: ApprovalDecision | null;
  consumed_at: number | null;
  /** Until when the same binding is allowed again without a question; null when it is not. */
  standing_until: number | null;
  /** The approval that this one was made from without a question. */
  standing_of: string | null;
  diff: string | null;
  /** JSON. */
  reach: string | null;
  batch: string | null;
  /** How many different people must allow it. */
  people: number;
  /** The first of two, while the second is waited for. */
  first_by: string | null;
  /** JSON array of the simple commands that are asked about; null for anything that is not fully understood. */
  commands: string | null;
}

/** An answer to every command of one narrow form, until it ends (X6). */
export interface StandingTable {
  name: string;
  agent: string;
  pattern: string;
  reason: string;
  created_at: number;
  created_by: string;
  expires_at: number;
  revoked_at: number | null;
  revoked_by: string | null;
  used: number;
  last_used_at: number | null;
}

export interface ApprovalTables {
  approvals: ApprovalTable;
  standing_approvals: StandingTable;
}

async function createApprovals(db: Kysely<unknown>): Promise<void> {
  await sql`create table approvals (
    id text primary key,
    binding_hash text not null,
    binding text not null,
    command_text text not null,
    title text not null,
    reason text not null,
    rule text not null,
    subject text not null,
    session text not null,
    run text,
    status text not null
      check (status in ('pending', 'allowed', 'denied', 'expired', 'cancelled', 'consumed')),
    created_at bigint not null,
    expires_at bigint not null,
    resolved_at bigint,
    resolved_by text,
    decision text check (decision in ('allow-once', 'allow-always', 'deny')),
    consumed_at bigint,
    standing_until bigint,
    standing_of text)`.execute(db);
  await sql`create unique index approvals_open on approvals (binding_hash)
    where status in ('pending', 'allowed')`.execute(db);
  await sql`create index approvals_due on approvals (expires_at)
    where status in ('pending', 'allowed')`.execute(db);
  await sql`create index approvals_standing on approvals (binding_hash, standing_until)
    where standing_until is not null`.execute(db);
  await sql`create index approvals_created on approvals (created_at)`.execute(db);
}

async function addDetails(db: Kysely<unknown>): Promise<void> {
  for (const column of ['diff', 'reach', 'batch', 'first_by', 'commands']) {
    await sql`alter table approvals add column ${sql.raw(column)} text`.execute(db);
  }
  await sql`alter table approvals add column people bigint not null default 1`.execute(db);
  await sql`create index approvals_batch on approvals (batch) where batch is not null`.execute(db);
  await sql`create table standing_approvals (
    name text primary key, agent text not null, pattern text not null, reason text not null,
    created_at bigint not null, created_by text not null, expires_at bigint not null,
    revoked_at bigint, revoked_by text, used bigint not null, last_used_at bigint)`.execute(db);
}

/** Steps of this folder's tables, by name, in the order they apply. */
export const migrations = {
  'execution-001-approvals': createApprovals,
  'execution-002-details': addDetails,
};
