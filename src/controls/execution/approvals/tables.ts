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
}

export interface ApprovalTables {
  approvals: ApprovalTable;
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

/** Steps of this folder's tables, by name, in the order they apply. */
export const migrations = { 'execution-001-approvals': createApprovals };
