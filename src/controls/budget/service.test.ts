import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { openDatabase } from '../../drivers/sqlite/index.ts';
import type { Alert, LedgerEvent } from '../../kernel/index.ts';
import { type BudgetSettings, type BudgetTables, createBudget, migrations } from './index.ts';

const NOON = Date.UTC(2026, 0, 31, 12, 0, 30);

async function world(settings: BudgetSettings) {
  const root = mkdtempSync(join(tmpdir(), 'gh-budget-'));
  const database = openDatabase<BudgetTables>(join(root, 'state.db'));
  await database.migrate(migrations);
  const events: LedgerEvent[] = [];
  const alerts: Alert[] = [];
  const clock = { at: NOON };
  let ids = 0;
  const made = () =>
    createBudget({
      db: database.db,
      clock: { now: () => clock.at, monotonic: () => clock.at },
      random: { bytes: (size) => Buffer.alloc(size), uuid: () => `r${(ids += 1)}` },
      ledger: {
        append: async (event) => {
          events.push(event);
          return { writer: 't', seq: events.length, hash: '' };
        },
      },
      alerts: { raise: (alert) => void alerts.push(alert) },
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
      settings: () => settings,
    });
  return {
    budget: made(),
    again: made,
    events,
    alerts,
    clock,
    database,
    [Symbol.dispose]() {
      database.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

const BOB = { subject: { principal: 'bob' } };
const sender = (id: string) => ({ subject: { principal: `sender:${id}`, channel: 'telegram', sender: id } });

describe('a limit', () => {
  test('budget/one more than a period allows: refused, with nothing counted', async () => {
    using w = await world({ install: { requests: { day: 3 } } });
    for (let at = 0; at < 3; at += 1)
      await (await w.budget.reserve(BOB, { requests: 1 })).settle({ requests: 1 });
    await assert.rejects(w.budget.reserve(BOB, { requests: 1 }), { code: 'BUDGET_EXCEEDED', status: 429 });
    assert.deepEqual(
      w.events.map(({ action, outcome, code, rule }) => [action, outcome, code, rule]),
      [['budget.reserve', 'deny', 'BUDGET_EXCEEDED', 'install requests/day']],
    );
    const [line] = await w.budget.show();
    assert.deepEqual([line?.used, line?.reserved, line?.limit], [3, 0, 3]);
    assert.equal(line?.resetsAt, Date.UTC(2026, 1, 1));
  });

  test('budget/two at once that both want the last unit: refused to one of them', async () => {
    using w = await world({ install: { tokens: { hour: 100 } } });
    const both = await Promise.allSettled([1, 2].map(() => w.budget.reserve(BOB, { tokens: 60 })));
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  });

  test('begins anew with the period, in UTC; a clock that is set back opens none a second time', async () => {
    using w = await world({ install: { requests: { month: 1 } } });
    const use = async () => (await w.budget.reserve(BOB, { requests: 1 })).settle({ requests: 1 });
    await use();
    await assert.rejects(use(), { code: 'BUDGET_EXCEEDED' });
    w.clock.at = Date.UTC(2026, 1, 1);
    await use();
    w.clock.at = NOON;
    await assert.rejects(use(), { code: 'BUDGET_EXCEEDED' });
  });

  test('of 0 allows nothing; what is not named is not limited and costs no write', async () => {
    using w = await world({ install: { runs: { day: 0 } } });
    await assert.rejects(w.budget.reserve(BOB, { runs: 1 }), { code: 'BUDGET_EXCEEDED' });
    await w.budget.reserve(BOB, { tokens: 1e9 });
    assert.equal((await w.database.db.selectFrom('budget_reservations').selectAll().execute()).length, 0);
  });

  test("budget/a sender's flood: refused at the sender's own limit, and others still have the install's", async () => {
    using w = await world({ install: { requests: { day: 10 } }, eachSender: { requests: { day: 2 } } });
    let refused = 0;
    for (let at = 0; at < 50; at += 1) {
      await w.budget.reserve(sender('flood'), { requests: 1 }).then(
        (reservation) => reservation.settle({ requests: 1 }),
        () => (refused += 1),
      );
    }
    assert.equal(refused, 48);
    await w.budget.reserve(sender('other'), { requests: 1 });
    const install = (await w.budget.show()).find(({ scope }) => scope === 'install');
    assert.deepEqual([install?.used, install?.reserved], [2, 1]);
  });

  test("of a principal is its own, or everybody's; the smaller of an agent's two counts", async () => {
    using w = await world({
      eachPrincipal: { runs: { day: 1 } },
      principals: { bob: { runs: { day: 2 } } },
    });
    const spender = { ...BOB, subject: { principal: 'bob', agent: 'main' } };
    await w.budget.reserve(spender, { runs: 2 });
    await assert.rejects(w.budget.reserve(spender, { runs: 1 }), { code: 'BUDGET_EXCEEDED' });
    await assert.rejects(w.budget.reserve({ subject: { principal: 'ann' } }, { runs: 2 }), {
      code: 'BUDGET_EXCEEDED',
    });
    const agent = {
      subject: { principal: 'x', agent: 'main' },
      agentLimits: [{ tokens: { day: 9 } }, { tokens: { day: 5 } }],
    };
    await assert.rejects(w.budget.reserve(agent, { tokens: 6 }), { code: 'BUDGET_EXCEEDED' });
    await w.budget.reserve(agent, { tokens: 5 });
  });
});

describe('money', () => {
  test('budget/a model without a price where money is limited: refused', async () => {
    using w = await world({
      install: { money: { day: 1 } },
      prices: { 'p/known': { input: 3, output: 15 } },
    });
    await assert.rejects(w.budget.reserveTokens(BOB, 'p/other', { input: 1, output: 1 }), {
      code: 'BUDGET_PRICE_UNKNOWN',
    });
    assert.equal(w.events[0]?.code, 'BUDGET_PRICE_UNKNOWN');
    assert.deepEqual(w.budget.unpriced(['p/known', 'p/other']), ['p/other']);
    const reservation = await w.budget.reserveTokens(BOB, 'p/known', { input: 100_000, output: 40_000 });
    await assert.rejects(w.budget.reserveTokens(BOB, 'p/known', { input: 100_000, output: 0 }), {
      code: 'BUDGET_EXCEEDED',
    });
    await reservation.settle({ input: 100_000, output: 10_000 });
    const [line] = await w.budget.show();
    assert.equal(line?.used, 0.45);
  });
});

describe('bytes', () => {
  const dev = { subject: { principal: 'bob', agent: 'dev', channel: 'telegram', sender: '7' } };

  test('of one run are a quarter of the narrowest limit at most, and what is left when that is less', async () => {
    using w = await world({
      install: { bytes: { day: 4_000 } },
      eachPrincipal: { bytes: { day: 1_000 } },
      eachSender: { bytes: { month: 2_000 } },
    });
    const runs = [];
    for (let at = 0; at < 4; at += 1) runs.push(await w.budget.reserveBytes(dev));
    assert.deepEqual(
      runs.map(({ bytes }) => bytes),
      [250, 250, 250, 250],
    );
    await assert.rejects(w.budget.reserveBytes(dev), { code: 'BUDGET_EXCEEDED' });
    assert.equal((await w.budget.reserveBytes({ subject: { principal: 'ann' } })).bytes, 250);
    await runs[0]?.settle(50);
    await runs[1]?.settle(undefined);
    const lines = new Map((await w.budget.show()).map((line) => [line.scope, [line.used, line.reserved]]));
    assert.deepEqual(lines.get('principal:bob'), [300, 500], 'what nobody can tell was used');
    assert.deepEqual(lines.get('sender:telegram:7'), [300, 500]);
    assert.deepEqual(lines.get('install'), [300, 750]);
    assert.equal((await w.budget.reserveBytes(dev)).bytes, 200);
  });

  test('that are not limited cost no read and no write', async () => {
    using w = await world({ install: { requests: { day: 1 } } });
    w.database.close();
    assert.equal((await w.budget.reserveBytes(dev)).bytes, undefined);
  });

  test('budget/bytes where nothing is left, or 0 are allowed: refused, with an alert at 80 % and at the limit', async () => {
    using w = await world({ install: { bytes: { day: 100 } } });
    for (const used of [25, 25, 25]) await (await w.budget.reserveBytes(dev)).settle(used);
    assert.equal(w.alerts.length, 0);
    await (await w.budget.reserveBytes(dev)).settle(5);
    await (await w.budget.reserveBytes(dev)).settle(20);
    await assert.rejects(w.budget.reserveBytes(dev), { code: 'BUDGET_EXCEEDED' });
    assert.deepEqual(
      w.alerts.map(({ code }) => code),
      ['BUDGET_NEARLY_USED', 'BUDGET_EXCEEDED'],
    );
    using none = await world({ eachPrincipal: { bytes: { day: 0 } } });
    await assert.rejects(none.budget.reserveBytes(dev), { code: 'BUDGET_EXCEEDED' });
  });
});

describe('what is spent at once', () => {
  test('counts up to the limit and not past it, leaves nothing set aside, and is told of at 80 %', async () => {
    using w = await world({ install: { requests: { day: 5 } } });
    for (let at = 0; at < 5; at += 1) await w.budget.spend(BOB, { requests: 1 });
    await assert.rejects(w.budget.spend(BOB, { requests: 1 }), { code: 'BUDGET_EXCEEDED' });
    const [line] = await w.budget.show();
    assert.deepEqual([line?.used, line?.reserved], [5, 0]);
    assert.equal((await w.database.db.selectFrom('budget_reservations').selectAll().execute()).length, 0);
    assert.deepEqual(
      w.alerts.map(({ code }) => code),
      ['BUDGET_NEARLY_USED', 'BUDGET_EXCEEDED'],
    );
  });
});

describe('what was set aside', () => {
  test('by a process that died counts as used', async () => {
    using w = await world({ install: { tokens: { day: 100 } } });
    await w.budget.reserve(BOB, { tokens: 70 });
    const next = w.again();
    await next.start();
    await next.start();
    const [line] = await next.show();
    assert.deepEqual([line?.used, line?.reserved], [70, 0]);
    await assert.rejects(next.reserve(BOB, { tokens: 31 }), { code: 'BUDGET_EXCEEDED' });
    await next.reserve(BOB, { tokens: 30 });
  });

  test('budget/a store that cannot be written: refused', async () => {
    using w = await world({ install: { tokens: { day: 100 } } });
    w.database.close();
    await assert.rejects(w.budget.reserve(BOB, { tokens: 1 }), { code: 'BUDGET_UNAVAILABLE', status: 503 });
  });

  test('whatever is reserved and settled: used and set aside never pass a limit that was kept to', async () => {
    const step = fc.record({
      want: fc.integer({ min: 0, max: 40 }),
      share: fc.integer({ min: 0, max: 100 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        using w = await world({ install: { tokens: { day: 100 } } });
        let expected = 0;
        for (const { want, share } of steps) {
          const reservation = await w.budget.reserve(BOB, { tokens: want }).catch(() => undefined);
          const used = Math.floor((want * share) / 100);
          await reservation?.settle({ tokens: used });
          await reservation?.settle({ tokens: used });
          if (reservation !== undefined) expected += used;
          const [line] = await w.budget.show();
          assert.equal(line?.used, expected);
          assert.ok(line.used + line.reserved <= 100);
        }
      }),
      { numRuns: 20 },
    );
  });
});

test('somebody is told at 80 and at 100 percent, once each', async () => {
  using w = await world({ install: { runs: { day: 10 } } });
  for (let at = 0; at < 10; at += 1) await (await w.budget.reserve(BOB, { runs: 1 })).settle({ runs: 1 });
  assert.deepEqual(
    w.alerts.map(({ code, title }) => [code, title.slice(0, 5)]),
    [
      ['BUDGET_NEARLY_USED', '80 % '],
      ['BUDGET_EXCEEDED', '100 %'],
    ],
  );
});
