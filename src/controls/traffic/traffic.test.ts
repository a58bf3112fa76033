import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../../drivers/sqlite/index.ts';
import { createTrafficService } from './service.ts';
import { migrations, type TrafficTables } from './tables.ts';
import { HOUR_MS, MALFORMED, MAX_REFUSED_HOSTS, OTHERS } from './tally.ts';
import type { TrafficRecord } from './types.ts';

const START = Date.UTC(2026, 5, 1);

interface Said {
  readonly host?: string;
  readonly at?: number;
  readonly agent?: string;
  readonly outcome?: string;
  readonly code?: string;
  readonly rule?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

function asked({
  host,
  at = START,
  agent = 'main',
  outcome = 'allow',
  code,
  rule = 'playbook:x/r',
  data,
}: Said): Omit<TrafficRecord, 'seq'> {
  const facts = { ...(host === undefined ? {} : { host }), port: 443, class: 'artifact', ...data };
  return {
    type: 'egress',
    action: 'net.connect',
    at,
    outcome,
    rule,
    subject: { agent },
    data: facts,
    ...(code === undefined ? {} : { code }),
  };
}

function closed(said: Said, sent: number, received: number) {
  return {
    ...asked({ ...said, data: { sent, received } }),
    action: 'net.closed',
    outcome: 'success',
  } as const;
}

async function world(now = START) {
  const file = openDatabase<TrafficTables>(':memory:');
  await file.migrate(migrations);
  const records: TrafficRecord[] = [];
  const reads: number[] = [];
  const parts = {
    db: file.db,
    read: async (after: number, limit: number) => {
      reads.push(after);
      return records.filter(({ seq }) => seq > after).slice(0, limit);
    },
    now: () => now,
  };
  const add = (...more: readonly Omit<TrafficRecord, 'seq'>[]): void => {
    for (const one of more) records.push({ ...one, seq: records.length + 1 });
  };
  return {
    add,
    reads,
    records,
    traffic: createTrafficService(parts),
    again: () => createTrafficService(parts),
    [Symbol.dispose]: () => file.close(),
  };
}

test('destinations are counted by what was allowed, refused and moved, the largest first', async () => {
  using home = await world();
  home.add(
    asked({ host: 'a.org' }),
    closed({ host: 'a.org' }, 10, 90),
    asked({ host: 'b.org' }),
    closed({ host: 'b.org' }, 1_000, 0),
    asked({
      host: 'a.org',
      outcome: 'deny',
      code: 'EGRESS_HOST_NOT_ALLOWED',
      rule: '(none)',
      data: { class: undefined },
    }),
    asked({ host: 'a.org', data: { via: 'check' } }),
    { ...asked({ host: 'c.org' }), type: 'process' },
  );
  const facts = { port: 443, class: 'artifact', lastAt: START };
  assert.deepEqual(await home.traffic.top({}, 'bytes', 10), [
    { host: 'b.org', ...facts, allowed: 1, refused: 0, sent: 1_000, received: 0 },
    { host: 'a.org', ...facts, allowed: 1, refused: 1, sent: 10, received: 90 },
  ]);
  assert.equal((await home.traffic.top({}, 'refused', 1))[0]?.host, 'a.org');
});

test('each record counts once: questions, restarts and two processes at once included', async () => {
  using home = await world();
  for (let n = 0; n < 4_500; n += 1) home.add(asked({ host: `h${n % 7}.org` }));
  const other = home.again();
  await Promise.all([home.traffic.catchUp(), other.catchUp(), home.traffic.catchUp()]);
  await home.traffic.catchUp();
  home.add(asked({ host: 'h0.org' }));
  const rows = await home.again().top({}, 'connections', 100);
  assert.equal(
    rows.reduce((sum, { allowed }) => sum + allowed, 0),
    4_501,
  );
  // Only what is new is read again.
  assert.equal(home.reads.at(-1), 4_500);
});

test('periods, agents, classes and hosts narrow every question', async () => {
  using home = await world(START + 3 * HOUR_MS);
  home.add(
    asked({ host: 'old.org', at: START - 800 * 24 * HOUR_MS }),
    asked({ host: 'a.org', agent: 'one' }),
    asked({ host: 'b.org', agent: 'two', at: START + 2 * HOUR_MS, data: { class: 'model' } }),
  );
  const hosts = async (filter: object) =>
    (await home.traffic.top(filter, 'connections', 10)).map(({ host }) => host);
  assert.deepEqual(await hosts({}), ['a.org', 'b.org']);
  assert.deepEqual(await hosts({ agent: 'one' }), ['a.org']);
  assert.deepEqual(await hosts({ class: 'model' }), ['b.org']);
  assert.deepEqual(await hosts({ since: START + HOUR_MS }), ['b.org']);
  assert.deepEqual(await hosts({ until: START }), ['a.org']);
  assert.deepEqual(await home.traffic.hours({ host: 'b.org' }, 10), [START + 2 * HOUR_MS]);
  assert.deepEqual(await home.traffic.hours({ host: 'b.org', effect: 'deny' }, 10), []);
});

test('refusals are listed by month, used rules by their name, and a grant by its uses', async () => {
  using home = await world();
  const denied = { outcome: 'deny', code: 'EGRESS_HOST_NOT_ALLOWED', rule: 'playbook:x/(none)' };
  home.add(
    asked({ host: 'evil.org', ...denied }),
    asked({ host: 'evil.org', ...denied, at: START + 40 * 24 * HOUR_MS }),
    asked({ outcome: 'deny', code: 'EGRESS_HOST_INVALID' }),
    asked({ host: 'a.org', rule: 'playbook:x/grant:g-1', data: { grant: 'g-1' } }),
    closed({ host: 'a.org', rule: 'playbook:x/grant:g-1', data: { grant: 'g-1' } }, 3, 4),
  );
  const refused = await home.traffic.refused({}, 10);
  assert.deepEqual(
    refused.map(({ month, host, count }) => [month, host, count]),
    [
      ['2026-06', MALFORMED, 1],
      ['2026-06', 'evil.org', 1],
      ['2026-07', 'evil.org', 1],
    ],
  );
  const [used] = await home.traffic.usedRules({});
  assert.equal(used?.rule, 'playbook:x/grant:g-1');
  assert.equal(await home.traffic.usesOf('g-1'), 1);
  assert.equal(await home.traffic.usesOf('g-2'), 0);
  assert.deepEqual([...(await home.traffic.bytesByAgent(START))], [['main', 7]]);
});

test('a flood of made-up names becomes one line, at the limit and one past it', async () => {
  using home = await world();
  const denied = { outcome: 'deny', code: 'EGRESS_HOST_NOT_ALLOWED' };
  for (let n = 0; n < MAX_REFUSED_HOSTS; n += 1) home.add(asked({ host: `n${n}.evil`, ...denied }));
  await home.traffic.catchUp();
  assert.equal((await home.traffic.refused({}, 10_000)).length, MAX_REFUSED_HOSTS);
  for (let n = 0; n < 50; n += 1) home.add(asked({ host: `m${n}.evil`, ...denied }));
  const refused = await home.traffic.refused({}, 10_000);
  assert.equal(refused.length, MAX_REFUSED_HOSTS + 1);
  assert.equal(refused.find(({ host }) => host === OTHERS)?.count, 50);
});

test('whole days are read from totals by day, the ends of a period by hour, and the sums are the same', async () => {
  using home = await world(START + 10 * 24 * HOUR_MS);
  const hours = [0, 1, 23, 24, 25, 47, 48, 71, 72, 95, 96, 120];
  for (const hour of hours) home.add(closed({ host: 'a.org', at: START + hour * HOUR_MS + 5 }, 1, 0));
  for (const first of [undefined, 0, 1, 24, 30, 48]) {
    for (const last of [undefined, 0, 23, 47, 48, 71, 100, 200]) {
      const inside = hours.filter((hour) => hour >= (first ?? 0) && hour <= (last ?? 1_000));
      const rows = await home.traffic.top(
        {
          ...(first === undefined ? {} : { since: START + first * HOUR_MS }),
          ...(last === undefined ? {} : { until: START + last * HOUR_MS + 1 }),
        },
        'bytes',
        5,
      );
      assert.equal(rows[0]?.sent ?? 0, inside.length, `${first} ${last}`);
      if (inside.length > 0) assert.equal(rows[0]?.lastAt, START + (inside.at(-1) ?? 0) * HOUR_MS);
    }
  }
});
