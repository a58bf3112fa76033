import { type Kysely, sql } from 'kysely';
import type { Counted } from './types.ts';

export interface ActivityTables {
  activity_hours: { -readonly [Key in keyof Counted]: Counted[Key] };
  activity_cursor: { id: number; position: number };
}

async function createActivity(db: Kysely<unknown>): Promise<void> {
  await sql`create table activity_hours (
    hour integer not null,
    type text not null,
    action text not null,
    outcome text not null,
    code text not null,
    detail text not null,
    agent text not null,
    count bigint not null,
    first bigint not null,
    second bigint not null,
    primary key (hour, type, action, outcome, code, detail, agent))`.execute(db);
  await sql`create index activity_hours_action on activity_hours (type, action, hour)`.execute(db);
  await sql`create table activity_cursor (
    id integer primary key check (id = 1),
    position integer not null)`.execute(db);
}

/** Steps of this folder's tables, by name, in the order they apply. */
export const migrations = { 'activity-001-hours': createActivity };
