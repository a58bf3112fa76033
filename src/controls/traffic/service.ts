import { type Kysely, type SqlBool, sql } from 'kysely';
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
const STEP = 2_000;
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
      from egress_traffic where ${where(filter)}
      group by host, port order by ${by} desc, host limit ${limit}`.execute(this.#parts.db);
    return rows;
  }

  async usedRules(filter: TrafficFilter): Promise<readonly UsedRule[]> {
    await this.catchUp();
    const { rows } = await sql<UsedRule>`
      select rule, agent, sum(connections) as count, sum(sent + received) as bytes, max(hour) * ${HOUR_MS} as lastAt
      from egress_traffic where ${where(filter)} and effect = 'allow'
      group by rule, agent order by rule limit 100000`.execute(this.#parts.db);
    return rows;
  }

  async refused(filter: TrafficFilter, limit: number): Promise<readonly Refused[]> {
    await this.catchUp();
    const { rows } = await sql<Refused>`
      select strftime('%Y-%m', hour * 3600, 'unixepoch') as month, agent, host, port, code, sum(connections) as count
      from egress_traffic where ${where(filter)} and effect <> 'allow'
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
      from egress_traffic where ${where(filter)} and port > 0
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
      select sum(connections) as uses from egress_traffic where grant_id = ${grant}`.execute(this.#parts.db);
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
  }

  /** One step as a whole or not at all; false when another process was faster. */
  #store(from: number, to: number, rows: readonly TrafficTable[]): Promise<boolean> {
    return this.#parts.db.transaction().execute(async (work) => {
      const at = await work.selectFrom('egress_traffic_cursor').select('seq').executeTakeFirst();
      if ((at?.seq ?? 0) !== from) return false;
      for (const row of rows) {
        const {
          hour,
          agent,
          host,
          port,
          class: kind,
          rule,
          grant_id,
          effect,
          code,
          connections,
          sent,
          received,
        } = row;
        await sql`insert into egress_traffic values (${hour}, ${agent}, ${host}, ${port}, ${kind}, ${rule}, ${grant_id},
          ${effect}, ${code}, ${connections}, ${sent}, ${received})
          on conflict do update set connections = connections + excluded.connections, sent = sent + excluded.sent,
          received = received + excluded.received`.execute(work);
      }
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
  known.connections += row.connections;
  known.sent += row.sent;
  known.received += row.received;
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
