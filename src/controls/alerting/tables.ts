import { type Kysely, sql } from 'kysely';

/** Alerts that are the same thing happening again: one rule, one code, one key. Times are Unix milliseconds. */
export interface AlertGroupTable {
  key: string;
  rule: string;
  severity: string;
  /** The newest of them. */
  writer: string;
  seq: number;
  first_at: number;
  last_at: number;
  count: number;
  told_at: number | null;
  /** Severity that was told. */
  told_severity: string;
  acked_by: string;
  acked_at: number | null;
  ack_note: string;
  escalated_at: number | null;
}

/** What became of each alert. */
export interface AlertHandledTable {
  writer: string;
  seq: number;
  group_key: string;
  state: string;
  at: number;
}

export interface AlertDeliveryTable {
  id: string;
  writer: string;
  seq: number;
  destination: string;
  kind: string;
  severity: string;
  status: 'pending' | 'handed' | 'held' | 'sent' | 'failed';
  attempts: number;
  not_before: number;
  created_at: number;
  ended_at: number | null;
  reason: string | null;
}

export interface AlertSilenceTable {
  id: number;
  rule: string;
  made_by: string;
  ticket: string;
  reason: string;
  created_at: number;
  until: number;
}

export interface AlertingTables {
  alert_groups: AlertGroupTable;
  alert_handled: AlertHandledTable;
  alert_deliveries: AlertDeliveryTable;
  alert_silences: AlertSilenceTable;
  alert_cursor: { id: number; position: number };
}

async function createAlerting(db: Kysely<unknown>): Promise<void> {
  await sql`create table alert_groups (
    key text primary key,
    rule text not null,
    severity text not null,
    writer text not null,
    seq integer not null,
    first_at integer not null,
    last_at integer not null,
    count integer not null,
    told_at integer,
    told_severity text not null,
    acked_by text not null,
    acked_at integer,
    ack_note text not null,
    escalated_at integer)`.execute(db);
  await sql`create table alert_handled (
    writer text not null,
    seq integer not null,
    group_key text not null,
    state text not null,
    at integer not null,
    primary key (writer, seq))`.execute(db);
  await sql`create table alert_deliveries (
    id text primary key,
    writer text not null,
    seq integer not null,
    destination text not null,
    kind text not null,
    severity text not null,
    status text not null check (status in ('pending', 'handed', 'held', 'sent', 'failed')),
    attempts integer not null,
    not_before integer not null,
    created_at integer not null,
    ended_at integer,
    reason text)`.execute(db);
  await sql`create index alert_deliveries_open on alert_deliveries (status, destination)`.execute(db);
  await sql`create index alert_deliveries_place on alert_deliveries (writer, seq)`.execute(db);
  await sql`create table alert_silences (
    id integer primary key,
    rule text not null,
    made_by text not null,
    ticket text not null,
    reason text not null,
    created_at integer not null,
    until integer not null)`.execute(db);
  await sql`create table alert_cursor (
    id integer primary key check (id = 1),
    position integer not null)`.execute(db);
}

/** Steps of this folder's tables, by name, in the order they apply. */
export const migrations = { 'alerting-001-delivery': createAlerting };
