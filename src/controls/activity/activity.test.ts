import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDatabase } from '../../drivers/sqlite/index.ts';
import type { LedgerEvent } from '../../kernel/index.ts';
import { scratchLedger } from '../trace/testing/scratch.ts';
import { type ActivityTables, createActivity, migrations } from './index.ts';
import { MAX_KEYS_PER_HOUR, OTHERS } from './service.ts';

const HOUR = 3_600_000;

async function world() {
  const scratch = scratchLedger();
  const ledger = scratch.open();
  const database = openDatabase<ActivityTables>(':memory:');
  await database.migrate(migrations);
  const open = () =>
    createActivity({
      db: database.db,
      count: (after, limit) => ledger.tally(after, limit),
      now: () => scratch.time,
    });
  return {
    scratch,
    ledger,
    open,
    activity: open(),
    add: async (event: Partial<LedgerEvent>, times = 1) => {
      const all = Array.from({ length: times }, () =>
        ledger.append({ type: 'login', action: 'login.refused', outcome: 'failure', ...event }),
      );
      await Promise.all(all);
    },
    async [Symbol.asyncDispose]() {
      await ledger.close();
      database.close();
      scratch[Symbol.dispose]();
    },
  };
}

describe('what happened how often', () => {
  test('refusals are summed by hour and code, and repeats count as what they are', async () => {
    await using w = await world();
    await w.add({ code: 'AUTH_TOKEN_UNKNOWN' }, 3);
    await w.add({ code: 'AUTH_TOKEN_UNKNOWN', data: { repeats: 97 } });
    w.scratch.time += HOUR;
    await w.add({ code: 'AUTH_TOKEN_REVOKED' });
    const sums = await w.activity.sums({ type: 'login' }, ['hour', 'code'], 10);
    assert.deepEqual(
      sums.map(({ code, count }) => [code, count]),
      [
        ['AUTH_TOKEN_UNKNOWN', 100],
        ['AUTH_TOKEN_REVOKED', 1],
      ],
    );
    const later = await w.activity.sums({ since: w.scratch.time }, [], 1);
    assert.equal(later[0]?.count, 1);
    const earlier = await w.activity.sums({ until: w.scratch.time }, [], 1);
    assert.equal(earlier[0]?.count, 100);
  });

  test('each record counts once, over many steps and whoever takes over', async () => {
    await using w = await world();
    await w.add({}, 8_192);
    await w.add({}, 3_000);
    const [first, second] = [w.activity, w.open()];
    await Promise.all([first.catchUp(), second.catchUp(), first.catchUp()]);
    const [sum] = await second.sums({}, [], 1);
    assert.equal(sum?.count, 11_192);
    const counted = [first, second].flatMap((one) => one.totals()).reduce((all, { count }) => all + count, 0);
    assert.equal(counted, 11_192);
  });

  test('tokens and bytes are summed beside the counts', async () => {
    await using w = await world();
    const called = { provider: 'openai', model: 'm', inputTokens: 10, outputTokens: 3 };
    const model = { type: 'model', action: 'model.called', outcome: 'success' } as const;
    await w.add({ ...model, subject: { principal: 'p', agent: 'main' }, data: called }, 2);
    await w.add({ type: 'egress', action: 'net.closed', data: { class: 'model', sent: 5, received: 7 } });
    const [used] = await w.activity.sums({ type: 'model' }, ['detail', 'agent'], 1);
    assert.deepEqual([used?.detail, used?.agent, used?.first, used?.second], ['openai/m', 'main', 20, 6]);
    const [moved] = await w.activity.sums({ type: 'egress' }, ['detail'], 1);
    assert.deepEqual([moved?.detail, moved?.first, moved?.second], ['model', 5, 7]);
  });

  test('activity/names made up without end to fill the table: refused; the rest of the hour is one sum', async () => {
    await using w = await world();
    for (let n = 0; n < MAX_KEYS_PER_HOUR + 500; n += 1) void w.add({ code: `MADE_UP_${n}` });
    await w.add({ code: 'LAST' });
    const sums = await w.activity.sums({}, ['code'], 10_000);
    assert.equal(sums.length, MAX_KEYS_PER_HOUR + 1);
    const others = sums.find(({ code }) => code === OTHERS);
    assert.equal(others?.count, 501);
  });

  test('activity/a record that somebody edited to stop the counting: refused', async () => {
    await using w = await world();
    await w.add({ data: { repeats: 5 } });
    await w.add({ data: { repeats: 5 } });
    w.scratch.raw.exec(`UPDATE records SET data = '{"repeats":' WHERE seq = 1`);
    w.scratch.raw.exec(`UPDATE records SET data = '{"repeats":1e300}' WHERE seq = 2`);
    await w.add({});
    const [sum] = await w.activity.sums({}, [], 1);
    assert.ok((sum?.count ?? -1) >= 0);
    await w.add({}, 2);
    assert.ok(((await w.activity.sums({}, [], 1))[0]?.count ?? 0) >= 2);
  });
});
