import type { Kysely, Transaction } from 'kysely';
import type { Alerts, Clock, Ledger, Logger, Random } from '../../kernel/index.ts';
import { GatehouseError } from '../../kernel/index.ts';
import { BUDGET_CODES } from './codes.ts';
import { periodEnd, periodStart } from './periods.ts';
import { type Counter, countersFor, installCounters, limitsMoney, toShown, toStored } from './scopes.ts';
import type { BudgetTables, BudgetUseTable } from './tables.ts';
import type {
  Amounts,
  BudgetLine,
  BudgetService,
  BudgetSettings,
  Measure,
  Period,
  Spender,
} from './types.ts';

/** Percent of a limit at which somebody is told; at 100 again. */
const NEARLY = 80;
/** One run gets at most this part of a limit on bytes. */
const BYTES_SHARE = 4;

export interface BudgetParts {
  readonly db: Kysely<BudgetTables>;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly alerts: Alerts;
  readonly logger: Logger;
  readonly settings: () => BudgetSettings;
}

/** What one reservation holds in one counter. */
interface Entry {
  readonly scope: string;
  readonly measure: Measure;
  readonly period: Period;
  readonly startedAt: number;
  readonly limit: number;
  readonly amount: number;
}

type Store = Kysely<BudgetTables> | Transaction<BudgetTables>;

const NOTHING_LIMITED = { settle: () => Promise.resolve() };

/** Budgets over the install's store. Where nothing is limited nothing is read or written. */
export function createBudget(parts: BudgetParts): BudgetService & { start(): Promise<void> } {
  const { db, clock } = parts;

  async function reserve(spender: Spender, amounts: Amounts) {
    const counters = countersFor(parts.settings(), spender, amounts);
    if (counters.length === 0) return NOTHING_LIMITED;
    return setAside(spender, counters, () => Promise.resolve(amounts));
  }

  /** All counters or none, in one transaction, so that nothing is given to two. */
  async function setAside(
    spender: Spender,
    counters: readonly Counter[],
    amountsIn: (trx: Store) => Promise<Amounts>,
  ) {
    const id = parts.random.uuid();
    const { entries, amounts } = await db
      .transaction()
      .execute(async (trx) => {
        const wanted = await amountsIn(trx);
        const taken: Entry[] = [];
        for (const counter of counters) taken.push(await take(trx, counter, wanted, clock.now()));
        const row = { id, entries: JSON.stringify(taken), created_at: clock.now() };
        await trx.insertInto('budget_reservations').values(row).execute();
        return { entries: taken, amounts: wanted };
      })
      .catch((thrown: unknown) => refused(spender, thrown));
    let settled = false;
    return {
      amounts,
      async settle(used: Amounts) {
        if (settled) return;
        settled = true;
        // What cannot be written now is still set aside, and counts as used at the next start.
        await settle(id, entries, used).catch((cause: unknown) =>
          parts.logger.error('a budget could not be settled', { cause: `${cause}` }),
        );
      },
    };
  }

  async function spend(spender: Spender, amounts: Amounts): Promise<void> {
    const counters = countersFor(parts.settings(), spender, amounts);
    if (counters.length === 0) return;
    const reached = await db
      .transaction()
      .execute(async (trx) => {
        const taken: Entry[] = [];
        for (const counter of counters) taken.push(await take(trx, counter, amounts, clock.now()));
        return giveAll(trx, taken, ({ amount }) => amount);
      })
      .catch((thrown: unknown) => refused(spender, thrown));
    for (const { entry, percent } of reached) tell(entry, percent);
  }

  async function reserveBytes(spender: Spender) {
    const counters = countersFor(parts.settings(), spender, { bytes: 0 });
    if (counters.length === 0) return { bytes: undefined, settle: () => Promise.resolve() };
    const most = Math.min(...counters.map(({ limit }) => Math.ceil(limit / BYTES_SHARE)));
    const { amounts, settle: settleAll } = await setAside(spender, counters, async (trx) => {
      const left: number[] = [];
      for (const counter of counters) left.push(await freeOf(trx, counter, clock.now()));
      return { bytes: Math.max(1, Math.min(most, ...left)) };
    });
    const bytes = amounts.bytes ?? 0;
    // What nobody can tell was used: whoever kills egress gains nothing.
    return { bytes, settle: (used: number | undefined) => settleAll({ bytes: used ?? bytes }) };
  }

  async function refused(spender: Spender, thrown: unknown): Promise<never> {
    const error =
      thrown instanceof GatehouseError && thrown.code === 'BUDGET_EXCEEDED'
        ? thrown
        : BUDGET_CODES.error('BUDGET_UNAVAILABLE', undefined, { cause: thrown });
    await recordRefusal(spender, error);
    throw error;
  }

  async function recordRefusal({ subject, trace }: Spender, error: GatehouseError): Promise<void> {
    await parts.ledger
      .append({
        type: 'decision',
        action: 'budget.reserve',
        outcome: 'deny',
        code: error.code,
        rule: String(error.details['limit'] ?? 'budget'),
        subject,
        ...(trace === undefined ? {} : { trace }),
        data: error.details,
      })
      .catch((cause: unknown) => parts.logger.error('a refusal was not recorded', { cause: `${cause}` }));
  }

  async function settle(id: string, entries: readonly Entry[], used: Amounts | 'all'): Promise<void> {
    const reached = await db.transaction().execute(async (trx) => {
      const gone = await trx.deleteFrom('budget_reservations').where('id', '=', id).executeTakeFirst();
      if (gone.numDeletedRows === 0n) return [];
      return giveAll(trx, entries, ({ measure, amount }) =>
        used === 'all' ? amount : toStored(measure, used[measure] ?? 0),
      );
    });
    for (const { entry, percent } of reached) tell(entry, percent);
  }

  function tell({ scope, measure, period, limit }: Entry, percent: number): void {
    const full = percent >= 100;
    parts.alerts.raise({
      rule: 'budget.use',
      code: full ? 'BUDGET_EXCEEDED' : 'BUDGET_NEARLY_USED',
      severity: full ? 'high' : 'warning',
      title: `${percent} % of the ${measure} of ${scope} per ${period} are used`,
      fix: BUDGET_CODES.table[full ? 'BUDGET_EXCEEDED' : 'BUDGET_NEARLY_USED'].fix,
      key: `${scope} ${measure} ${period} ${percent}`,
      data: { scope, measure, period, limit: toShown(measure, limit) },
    });
  }

  async function reserveTokens(
    spender: Spender,
    model: string,
    tokens: { readonly input: number; readonly output: number },
  ) {
    const settings = parts.settings();
    const price = settings.prices?.[model];
    if (price === undefined && limitsMoney(settings, spender)) {
      const error = BUDGET_CODES.error('BUDGET_PRICE_UNKNOWN', `money is limited and ${model} has no price`, {
        details: { model },
      });
      await recordRefusal(spender, error);
      throw error;
    }
    const amounts = ({ input, output }: { readonly input: number; readonly output: number }): Amounts => ({
      tokens: input + output,
      ...(price === undefined ? {} : { money: (input * price.input + output * price.output) / 1e6 }),
    });
    const reservation = await reserve(spender, amounts(tokens));
    return {
      settle: (used: { readonly input: number; readonly output: number }) =>
        reservation.settle(amounts(used)),
    };
  }

  return {
    reserve,
    spend,
    reserveBytes,
    reserveTokens,
    /** What an earlier process set aside and did not settle counts as used: it may have been. */
    async start() {
      const left = await db.selectFrom('budget_reservations').selectAll().execute();
      for (const { id, entries } of left) await settle(id, JSON.parse(entries) as readonly Entry[], 'all');
    },
    async show() {
      const now = clock.now();
      const rows = await db.selectFrom('budget_use').selectAll().orderBy('scope').execute();
      return linesOf(installCounters(parts.settings()), rows, now);
    },
    unpriced(models) {
      const settings = parts.settings();
      const all = [
        settings.install,
        settings.eachPrincipal,
        settings.eachSender,
        ...Object.values(settings.principals ?? {}),
      ];
      if (!all.some((limits) => limits?.money !== undefined)) return [];
      return models.filter((model) => settings.prices?.[model] === undefined);
    },
  };
}

/** Set an amount aside in one counter. Throws BUDGET_EXCEEDED, and with it everything of the transaction is undone. */
async function take(trx: Store, counter: Counter, amounts: Amounts, now: number): Promise<Entry> {
  const { scope, measure, period, limit } = counter;
  const amount = toStored(measure, amounts[measure] ?? 0);
  const row = await current(trx, counter, now);
  const free = limit - Number(row.used) - Number(row.reserved);
  if (amount > free || (amount === 0 && free < 0)) {
    const resetsAt = periodEnd(period, Number(row.started_at));
    const name = `${scope} ${measure}/${period}`;
    throw BUDGET_CODES.error(
      'BUDGET_EXCEEDED',
      `the ${measure} of ${scope} per ${period} are used up until ${new Date(resetsAt).toISOString()}`,
      {
        details: {
          limit: name,
          scope,
          measure,
          period,
          allowed: toShown(measure, limit),
          resetsAt,
          retryable: false,
        },
      },
    );
  }
  await trx
    .updateTable('budget_use')
    .set({ reserved: Number(row.reserved) + amount, allowed: limit })
    .where('scope', '=', scope)
    .where('measure', '=', measure)
    .where('period', '=', period)
    .execute();
  return { scope, measure, period, limit, amount, startedAt: Number(row.started_at) };
}

/** The counter of the period that holds `now`. A clock that was set back opens no period a second time (attack 99). */
async function current(
  trx: Store,
  { scope, measure, period }: Counter,
  now: number,
): Promise<BudgetUseTable> {
  const start = periodStart(period, now);
  const row = await trx
    .selectFrom('budget_use')
    .selectAll()
    .where('scope', '=', scope)
    .where('measure', '=', measure)
    .where('period', '=', period)
    .executeTakeFirst();
  if (row !== undefined && Number(row.started_at) >= start) return row;
  const fresh: BudgetUseTable = {
    scope,
    measure,
    period,
    started_at: start,
    used: 0,
    reserved: 0,
    told: 0,
    allowed: 0,
  };
  await trx
    .insertInto('budget_use')
    .values(fresh)
    .onConflict((conflict) => conflict.columns(['scope', 'measure', 'period']).doUpdateSet(fresh))
    .execute();
  return fresh;
}

/** What is left in one counter; 0 or less when it is used up. */
async function freeOf(trx: Store, counter: Counter, now: number): Promise<number> {
  const row = await current(trx, counter, now);
  return counter.limit - Number(row.used) - Number(row.reserved);
}

/** Turn what was set aside into what was used, and say of which limits somebody has to be told. */
async function giveAll(
  trx: Store,
  entries: readonly Entry[],
  amountOf: (entry: Entry) => number,
): Promise<readonly { readonly entry: Entry; readonly percent: number }[]> {
  const told: { entry: Entry; percent: number }[] = [];
  for (const entry of entries) {
    const percent = await give(trx, entry, amountOf(entry));
    if (percent > 0) told.push({ entry, percent });
  }
  return told;
}

/** Turn what was set aside into what was used; the percentage to tell of, or 0. */
async function give(trx: Store, entry: Entry, amount: number): Promise<number> {
  const { scope, measure, period, limit } = entry;
  const row = await trx
    .selectFrom('budget_use')
    .selectAll()
    .where('scope', '=', scope)
    .where('measure', '=', measure)
    .where('period', '=', period)
    .executeTakeFirst();
  // A period that is over is not counted any more.
  if (row === undefined || Number(row.started_at) !== entry.startedAt) return 0;
  const used = Number(row.used) + amount;
  const share = limit === 0 ? 100 : (used / limit) * 100;
  const percent = share >= 100 ? 100 : share >= NEARLY ? NEARLY : 0;
  const told = percent > row.told ? percent : row.told;
  await trx
    .updateTable('budget_use')
    .set({ used, reserved: Math.max(0, Number(row.reserved) - entry.amount), told })
    .where('scope', '=', scope)
    .where('measure', '=', measure)
    .where('period', '=', period)
    .execute();
  return percent > row.told ? percent : 0;
}

function linesOf(
  install: readonly Counter[],
  rows: readonly BudgetUseTable[],
  now: number,
): readonly BudgetLine[] {
  const lines = new Map<string, BudgetLine>();
  const add = (scope: string, measure: Measure, period: Period, limit: number, row?: BudgetUseTable) => {
    const start = periodStart(period, now);
    const live = row !== undefined && Number(row.started_at) >= start ? row : undefined;
    lines.set(`${scope} ${measure} ${period}`, {
      scope,
      measure,
      period,
      limit: toShown(measure, limit),
      used: toShown(measure, Number(live?.used ?? 0)),
      reserved: toShown(measure, Number(live?.reserved ?? 0)),
      resetsAt: periodEnd(period, Number(live?.started_at ?? start)),
    });
  };
  for (const { scope, measure, period, limit } of install) add(scope, measure, period, limit);
  for (const row of rows) {
    const key = `${row.scope} ${row.measure} ${row.period}`;
    if (row.scope === 'install' && !lines.has(key)) continue;
    const limit = row.scope === 'install' ? undefined : Number(row.allowed);
    const known = install.find((counter) => `install ${counter.measure} ${counter.period}` === key)?.limit;
    add(row.scope, row.measure as Measure, row.period as Period, limit ?? known ?? 0, row);
  }
  return [...lines.values()];
}
