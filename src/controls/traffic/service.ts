import { CompiledQuery, type Kysely, type SqlBool, sql } from 'kysely';
import type { TrafficTable, TrafficTables } from './tables.ts';
import { HOUR_MS, keyOf, MAX_REFUSED_HOSTS, OTHERS, tallied } from './tally.ts';
import type {
  Asked,
  DestinationTotals,
  ReadRecords,
  Refused,
  TrafficFilter,
  TrafficService,
  UsedRule,
} from './types.ts';

/** Records of one step; between two steps others get their turn. */
const STEP = 5_000;
const DAY_HOURS = 24;
/** Days after which totals are dropped; the ledger has its own retention. */
const KEEP_DAYS = 400;

export interface TrafficParts {
  readonly db: Kysely<TrafficTables>;
  readonly read: ReadRecords;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * What was asked for and what moved, in hourly totals beside the ledger (E7): a question about a month reads totals,
 * not a million records. The totals are made from egress's own chain and can be made again from it.
 */
export function createTrafficService(parts: TrafficParts): TrafficService {
  return new Traffic(parts);
}

class Traffic implements TrafficService {
  readonly #parts: TrafficParts;
  /** Destinations that each agent was refused for in the newest hour, by agent. */
  readonly #hosts = new Map<string, { readonly hour: number; readonly hosts: Set<string> }>();
  #running: Promise<void> | undefined;

  constructor(parts: TrafficParts) {
    this.#parts = parts;
  }

  catchUp(): Promise<void> {
    this.#running ??= this.#catchUp().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async top(filter: TrafficFilter, order: 'bytes' | 'connections' | 'refused', limit: number) {
    await this.catchUp();
    const by = {
      bytes: sql`sum(sent + received)`,
      connections: sql`sum(case when effect = 'allow' then connections else 0 end)`,
      refused: sql`sum(case when effect = 'allow' then 0 else connections end)`,
    }[order];
    const { rows } = await sql<DestinationTotals>`
      select host, port, max(case when effect = 'allow' then class else '' end) as class,
        sum(case when effect = 'allow' then connections else 0 end) as allowed,
        sum(case when effect = 'allow' then 0 else connections end) as refused,
        sum(sent) as sent, sum(received) as received, max(hour) * ${HOUR_MS} as lastAt
      from ${totals(filter)}
      group by host, port order by ${by} desc, host limit ${limit}`.execute(this.#parts.db);
    return rows;
  }

  async usedRules(filter: TrafficFilter): Promise<readonly UsedRule[]> {
    await this.catchUp();
    const { rows } = await sql<UsedRule>`
      select rule, agent, sum(connections) as count, sum(sent + received) as bytes, max(hour) * ${HOUR_MS} as lastAt
      from ${totals(filter)} where effect = 'allow'
      group by rule, agent order by rule limit 100000`.execute(this.#parts.db);
    return rows;
  }

  async refused(filter: TrafficFilter, limit: number): Promise<readonly Refused[]> {
    await this.catchUp();
    const { rows } = await sql<Refused>`
      select strftime('%Y-%m', hour * 3600, 'unixepoch') as month, agent, host, port, code, sum(connections) as count
      from ${totals(filter)} where effect <> 'allow'
      group by month, agent, host, port, code order by count desc, host limit ${limit}`.execute(
      this.#parts.db,
    );
    return rows;
  }

  async asked(filter: TrafficFilter, limit: number): Promise<readonly Asked[]> {
    await this.catchUp();
    const { rows } = await sql<Asked>`
      select agent, host, port,
        sum(case when effect = 'allow' then connections else 0 end) as allowed,
        sum(case when effect = 'allow' then 0 else connections end) as refused,
        sum(sent + received) as bytes
      from ${totals(filter)} where port > 0
      group by agent, host, port order by bytes desc, allowed + refused desc limit ${limit}`.execute(
      this.#parts.db,
    );
    return rows;
  }

  async hours(filter: TrafficFilter & { readonly effect?: string }, limit: number) {
    await this.catchUp();
    const effect = filter.effect === undefined ? sql<SqlBool>`true` : sql<SqlBool>`effect = ${filter.effect}`;
    const { rows } = await sql<{ hour: number }>`
      select distinct hour from egress_traffic where ${where(filter)} and ${effect}
      order by hour desc limit ${limit}`.execute(this.#parts.db);
    return rows.map(({ hour }) => hour * HOUR_MS);
  }

  async usesOf(grant: string): Promise<number> {
    await this.catchUp();
    const { rows } = await sql<{ uses: number | null }>`
      select sum(connections) as uses from egress_traffic_days where grant_id = ${grant}`.execute(
      this.#parts.db,
    );
    return rows[0]?.uses ?? 0;
  }

  async bytesByAgent(since: number): Promise<ReadonlyMap<string, number>> {
    await this.catchUp();
    const { rows } = await sql<{ agent: string; bytes: number }>`
      select agent, sum(sent + received) as bytes from egress_traffic
      where hour >= ${Math.floor(since / HOUR_MS)} group by agent`.execute(this.#parts.db);
    return new Map(rows.map(({ agent, bytes }) => [agent, bytes]));
  }

  async #catchUp(): Promise<void> {
    const { db, read } = this.#parts;
    const found = await db.selectFrom('egress_traffic_cursor').select('seq').executeTakeFirst();
    let cursor = found?.seq ?? 0;
    for (;;) {
      const records = await read(cursor, STEP);
      const last = records.at(-1);
      if (last === undefined) break;
      const totals = new Map<string, TrafficTable>();
      for (const record of records) {
        const row = tallied(record);
        if (row !== undefined) add(totals, this.#bounded(row));
      }
      if (!(await this.#store(cursor, last.seq, [...totals.values()]))) return;
      cursor = last.seq;
      if (records.length < STEP) break;
    }
    const oldest = Math.floor((this.#parts.now() - KEEP_DAYS * 24 * HOUR_MS) / HOUR_MS);
    await db.deleteFrom('egress_traffic').where('hour', '<', oldest).execute();
    await db
      .deleteFrom('egress_traffic_days')
      .where('day', '<', Math.floor(oldest / DAY_HOURS))
      .execute();
  }

  /** One step as a whole or not at all; false when another process was faster. */
  #store(from: number, to: number, rows: readonly TrafficTable[]): Promise<boolean> {
    return this.#parts.db.transaction().execute(async (work) => {
      const at = await work.selectFrom('egress_traffic_cursor').select('seq').executeTakeFirst();
      if ((at?.seq ?? 0) !== from) return false;
      // Ready text: compiling a statement per row was most of the time that a million records took.
      for (const row of rows) await work.executeQuery(CompiledQuery.raw(ADD_HOUR, valuesOf(row)));
      for (const row of byDay(rows))
        await work.executeQuery(
          CompiledQuery.raw(ADD_DAY, [Math.floor(row.hour / DAY_HOURS), ...valuesOf(row)]),
        );
      await sql`insert into egress_traffic_cursor values (1, ${to}) on conflict do update set seq = ${to}`.execute(
        work,
      );
      return true;
    });
  }

  /** A flood of made-up names fills no table. */
  #bounded(row: TrafficTable): TrafficTable {
    if (row.effect === 'allow') return row;
    let known = this.#hosts.get(row.agent);
    if (known === undefined || known.hour !== row.hour) {
      known = { hour: row.hour, hosts: new Set() };
      this.#hosts.set(row.agent, known);
    }
    if (known.hosts.has(row.host)) return row;
    if (known.hosts.size >= MAX_REFUSED_HOSTS) return { ...row, host: OTHERS, port: 0 };
    known.hosts.add(row.host);
    return row;
  }
}

function add(totals: Map<string, TrafficTable>, row: TrafficTable): void {
  const key = keyOf(row);
  const known = totals.get(key);
  if (known === undefined) {
    totals.set(key, { ...row });
    return;
  }
  addRow(known, row);
}

function addRow(known: TrafficTable, row: TrafficTable): void {
  known.connections += row.connections;
  known.sent += row.sent;
  known.received += row.received;
}

const KEYS = ['agent', 'host', 'port', 'class', 'rule', 'grant_id', 'effect', 'code'] as const;
const COLUMNS = ['hour', ...KEYS, 'connections', 'sent', 'received'] as const;
const ADDED = `connections = connections + excluded.connections, sent = sent + excluded.sent,
  received = received + excluded.received`;
const ADD_HOUR = `insert into egress_traffic (${COLUMNS.join(', ')})
  values (${COLUMNS.map(() => '?').join(', ')}) on conflict do update set ${ADDED}`;
const ADD_DAY = `insert into egress_traffic_days (day, last_hour, ${COLUMNS.slice(1).join(', ')})
  values (?, ${COLUMNS.map(() => '?').join(', ')})
  on conflict do update set last_hour = max(last_hour, excluded.last_hour), ${ADDED}`;

function valuesOf(row: TrafficTable): unknown[] {
  return COLUMNS.map((column) => row[column]);
}

/** Rows of one day and one key together, under the newest of their hours. */
function byDay(rows: readonly TrafficTable[]): readonly TrafficTable[] {
  const days = new Map<string, TrafficTable>();
  for (const row of rows) {
    const key = keyOf({ ...row, hour: Math.floor(row.hour / DAY_HOURS) });
    const known = days.get(key);
    if (known === undefined) days.set(key, { ...row });
    else {
      addRow(known, row);
      known.hour = Math.max(known.hour, row.hour);
    }
  }
  return [...days.values()];
}

const NAMES = sql.join(COLUMNS.map((column) => sql.ref(column)));
const OTHER_NAMES = sql.join([...KEYS, 'connections', 'sent', 'received'].map((column) => sql.ref(column)));

/** Totals of a period: whole days from the totals by day, what is left at its ends from those by hour. */
function totals(filter: TrafficFilter) {
  const { since, until } = filter;
  const [first, last] = [since, until].map((at) => (at === undefined ? undefined : Math.floor(at / HOUR_MS)));
  const firstDay = first === undefined ? 0 : Math.ceil(first / DAY_HOURS);
  const endDay = last === undefined ? undefined : Math.floor((last + 1) / DAY_HOURS);
  if (endDay !== undefined && endDay <= firstDay)
    return sql`(select ${NAMES} from egress_traffic where ${where(filter)})`;
  const others = where({ ...filter, since: undefined, until: undefined });
  const days = endDay === undefined ? sql<SqlBool>`true` : sql<SqlBool>`day < ${endDay}`;
  const edges = [
    ...(first === undefined ? [] : [sql<SqlBool>`hour >= ${first} and hour < ${firstDay * DAY_HOURS}`]),
    ...(last === undefined || endDay === undefined
      ? []
      : [sql<SqlBool>`hour >= ${endDay * DAY_HOURS} and hour <= ${last}`]),
  ];
  const whole = sql`select last_hour as hour, ${OTHER_NAMES} from egress_traffic_days
    where day >= ${firstDay} and ${days} and ${others}`;
  const parts = edges.map((edge) => sql`select ${NAMES} from egress_traffic where ${edge} and ${others}`);
  return sql`(${sql.join([whole, ...parts], sql` union all `)})`;
}

function where({ since, until, agent, class: kind, host }: TrafficFilter) {
  const parts = [sql<SqlBool>`true`];
  if (since !== undefined) parts.push(sql<SqlBool>`hour >= ${Math.floor(since / HOUR_MS)}`);
  if (until !== undefined) parts.push(sql<SqlBool>`hour <= ${Math.floor(until / HOUR_MS)}`);
  if (agent !== undefined) parts.push(sql<SqlBool>`agent = ${agent}`);
  if (kind !== undefined) parts.push(sql<SqlBool>`class = ${kind}`);
  if (host !== undefined) parts.push(sql<SqlBool>`host = ${host}`);
  return sql.join(parts, sql` and `);
}
