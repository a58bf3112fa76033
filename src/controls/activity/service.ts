import { setImmediate } from 'node:timers/promises';
import { type Kysely, type SqlBool, sql } from 'kysely';
import type { ActivityTables } from './tables.ts';
import type { ActivityColumn, ActivityFilter, ActivityService, Counted, CountRecords } from './types.ts';
import { ACTIVITY_COLUMNS } from './types.ts';

const HOUR_MS = 3_600_000;
/** Records of one step; between two steps others get their turn. */
const STEP = 4_000;
/** Different things that one hour, and one process, tells apart; the rest is one count (attack 94). */
export const MAX_KEYS_PER_HOUR = 2_000;
export const MAX_TOTALS = 5_000;
/** Stands for what goes beyond that. */
export const OTHERS = '(others)';
/** Characters of one key column. */
const MAX_KEY = 128;
/** Days after which sums are dropped: two years and a quarter, so that a quarter can be compared with that of last year. */
const KEEP_DAYS = 830;

export interface ActivityParts {
  readonly db: Kysely<ActivityTables>;
  readonly count: CountRecords;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * What happened how often, in hourly sums beside the ledger: a question about a quarter reads sums, not a million
 * records. They are made from the ledger and can be made again from it.
 */
export function createActivity(parts: ActivityParts): ActivityService {
  return new Activity(parts);
}

class Activity implements ActivityService {
  readonly #parts: ActivityParts;
  readonly #totals = new Map<string, Counted>();
  #running: Promise<void> | undefined;

  constructor(parts: ActivityParts) {
    this.#parts = parts;
  }

  catchUp(): Promise<void> {
    this.#running ??= this.#catchUp().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  totals(): readonly Counted[] {
    return [...this.#totals.values()];
  }

  async sums(
    filter: ActivityFilter,
    by: readonly ActivityColumn[],
    limit: number,
  ): Promise<readonly Counted[]> {
    await this.catchUp();
    const columns = ACTIVITY_COLUMNS.map((column) => {
      const empty = column === 'hour' ? sql`0` : sql`''`;
      return sql`${by.includes(column) ? sql.ref(column) : empty} as ${sql.ref(column)}`;
    });
    const group = by.length === 0 ? sql`` : sql`group by ${sql.join(by.map((column) => sql.ref(column)))}`;
    const { rows } = await sql<Counted>`
      select ${sql.join(columns)}, coalesce(sum(count), 0) as count, coalesce(sum(first), 0) as first,
        coalesce(sum(second), 0) as second
      from activity_hours where ${where(filter)} ${group} order by count desc limit ${limit}`.execute(
      this.#parts.db,
    );
    return rows;
  }

  async lastSeen(type: string, action: string): Promise<ReadonlyMap<string, number>> {
    await this.catchUp();
    const rows = await this.#parts.db
      .selectFrom('activity_hours')
      .select(({ fn }) => ['detail', fn.max('hour').as('hour')])
      .where('type', '=', type)
      .where('action', '=', action)
      .groupBy('detail')
      .execute();
    return new Map(rows.map(({ detail, hour }) => [detail, Number(hour) * HOUR_MS]));
  }

  async #catchUp(): Promise<void> {
    const { db, count, now } = this.#parts;
    const found = await db.selectFrom('activity_cursor').select('position').executeTakeFirst();
    let cursor = found?.position ?? 0;
    for (;;) {
      const { tallies, position } = await count(cursor, STEP);
      if (position === cursor) break;
      if (!(await this.#store(cursor, position, tallies.map(bounded)))) return;
      const more = position - cursor >= STEP;
      cursor = position;
      if (!more) break;
      await setImmediate();
    }
    const oldest = Math.floor((now() - KEEP_DAYS * 24 * HOUR_MS) / HOUR_MS);
    await db.deleteFrom('activity_hours').where('hour', '<', oldest).execute();
  }

  /** One step as a whole or not at all; false when another process was faster. */
  async #store(from: number, to: number, rows: readonly Counted[]): Promise<boolean> {
    const stored = await this.#parts.db.transaction().execute(async (work) => {
      const at = await work.selectFrom('activity_cursor').select('position').executeTakeFirst();
      if ((at?.position ?? 0) !== from) return undefined;
      const room = new Map<number, number>();
      const kept: Counted[] = [];
      for (const row of rows) {
        let left = room.get(row.hour);
        if (left === undefined) {
          const { keys } = await work
            .selectFrom('activity_hours')
            .select(({ fn }) => fn.countAll<number>().as('keys'))
            .where('hour', '=', row.hour)
            .executeTakeFirstOrThrow();
          left = MAX_KEYS_PER_HOUR - Number(keys);
        }
        // Near the bound even what is known already may go to the others: the sums stay right.
        kept.push(left > 0 ? row : { ...row, code: OTHERS, detail: OTHERS, agent: '' });
        room.set(row.hour, left - 1);
      }
      for (const row of kept) {
        const { hour, type, action, outcome, code, detail, agent, count, first, second } = row;
        await sql`insert into activity_hours values (${hour}, ${type}, ${action}, ${outcome}, ${code}, ${detail},
          ${agent}, ${count}, ${first}, ${second}) on conflict do update set count = count + excluded.count,
          first = first + excluded.first, second = second + excluded.second`.execute(work);
      }
      await sql`insert into activity_cursor values (1, ${to}) on conflict do update set position = ${to}`.execute(
        work,
      );
      return kept;
    });
    for (const row of stored ?? []) this.#add(row);
    return stored !== undefined;
  }

  #add(row: Counted): void {
    const { type, action, outcome, code, detail, agent } = row;
    const key = JSON.stringify([type, action, outcome, code, detail, agent]);
    const known = this.#totals.get(key);
    if (known === undefined && this.#totals.size >= MAX_TOTALS) {
      if (code !== OTHERS) this.#add({ ...row, code: OTHERS, detail: OTHERS, agent: '' });
      else this.#totals.set(key, { ...row, hour: 0 });
      return;
    }
    const { count = 0, first = 0, second = 0 } = known ?? {};
    this.#totals.set(key, {
      ...row,
      hour: 0,
      count: count + row.count,
      first: first + row.first,
      second: second + row.second,
    });
  }
}

function bounded(row: Counted): Counted {
  const cut = (text: string) => text.slice(0, MAX_KEY);
  return {
    ...row,
    action: cut(row.action),
    code: cut(row.code),
    detail: cut(row.detail),
    agent: cut(row.agent),
  };
}

function where({ since, until, type, action }: ActivityFilter) {
  const parts = [sql<SqlBool>`true`];
  if (since !== undefined) parts.push(sql<SqlBool>`hour >= ${Math.floor(since / HOUR_MS)}`);
  if (until !== undefined) parts.push(sql<SqlBool>`hour < ${Math.ceil(until / HOUR_MS)}`);
  if (type !== undefined) parts.push(sql<SqlBool>`type = ${type}`);
  if (action !== undefined) parts.push(sql<SqlBool>`action = ${action}`);
  return sql.join(parts, sql` and `);
}
