import { type Kysely, sql } from 'kysely';

/** One hour of one destination, by agent, rule and what came of it. */
export interface TrafficTable {
  /** Hours since 1970 in UTC. */
  hour: number;
  agent: string;
  host: string;
  port: number;
  class: string;
  rule: string;
  grant_id: string;
  effect: 'allow' | 'ask' | 'deny';
  code: string;
  connections: number;
  sent: number;
  received: number;
}

/** The same by day, with the newest hour in it: a question about a month reads a twenty-fourth. */
interface TrafficDayTable extends Omit<TrafficTable, 'hour'> {
  /** Days since 1970 in UTC. */
  day: number;
  last_hour: number;
}

export interface TrafficTables {
  egress_traffic: TrafficTable;
  egress_traffic_days: TrafficDayTable;
  egress_traffic_cursor: { id: number; seq: number };
}

async function createTraffic(db: Kysely<unknown>): Promise<void> {
  await sql`create table egress_traffic (
    hour integer not null,
    agent text not null,
    host text not null,
    port integer not null,
    class text not null,
    rule text not null,
    grant_id text not null,
    effect text not null check (effect in ('allow', 'ask', 'deny')),
    code text not null,
    connections bigint not null,
    sent bigint not null,
    received bigint not null,
    primary key (hour, agent, host, port, class, rule, grant_id, effect, code))`.execute(db);
  await sql`create index egress_traffic_host on egress_traffic (host, hour)`.execute(db);
  await sql`create table egress_traffic_cursor (
    id integer primary key check (id = 1),
    seq bigint not null)`.execute(db);
}

async function createDays(db: Kysely<unknown>): Promise<void> {
  await sql`create table egress_traffic_days (
    day integer not null,
    agent text not null,
    host text not null,
    port integer not null,
    class text not null,
    rule text not null,
    grant_id text not null,
    effect text not null check (effect in ('allow', 'ask', 'deny')),
    code text not null,
    last_hour integer not null,
    connections bigint not null,
    sent bigint not null,
    received bigint not null,
    primary key (day, agent, host, port, class, rule, grant_id, effect, code))`.execute(db);
  await sql`insert into egress_traffic_days
    select hour / 24, agent, host, port, class, rule, grant_id, effect, code, max(hour), sum(connections), sum(sent),
      sum(received)
    from egress_traffic group by 1, 2, 3, 4, 5, 6, 7, 8, 9`.execute(db);
}

/** Steps of this folder's tables, by name, in the order they apply. */
export const migrations = { 'traffic-001-totals': createTraffic, 'traffic-002-days': createDays };
