import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerEvent } from '../../kernel/index.ts';
import { MAX_SCANNED } from './search.ts';
import { event, scratchLedger } from './testing/scratch.ts';
import type { LedgerSearch } from './types.ts';

const LOGIN: LedgerEvent = {
  type: 'login',
  action: 'login.refused',
  outcome: 'deny',
  code: 'AUTH_TOKEN_UNKNOWN',
  data: { address: '203.0.113.9', kind: 'token', userAgent: 'curl/8.0 (Strange_100%)' },
};

async function world() {
  const scratch = scratchLedger();
  const ledger = scratch.open();
  for (let number = 0; number < 20; number++) {
    scratch.time += 1_000;
    await ledger.append(event(number));
    if (number % 5 === 0) await ledger.append(LOGIN);
  }
  const found = async (search: LedgerSearch) =>
    (await ledger.search(search)).records.map(({ writer, seq }) => `${writer}${seq}`);
  return { scratch, ledger, found, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

test('records are found by time, principal, agent, session, code, type, outcome, address, trace and run', async () => {
  using home = await world();
  const { found } = home;
  assert.equal((await found({ type: 'login' })).length, 4);
  assert.equal((await found({ address: '203.0.113.9' })).length, 4);
  assert.deepEqual(await found({ address: '203.0.113' }), []);
  assert.equal((await found({ code: 'AUTH_TOKEN_UNKNOWN', outcome: 'deny' })).length, 4);
  assert.equal((await found({ principal: 'local', agent: 'main', session: 'agent:main:main' })).length, 20);
  assert.equal((await found({ agent: 'other' })).length, 0);
  assert.deepEqual(await found({ run: 'run-3' }), ['gateway5']);
  assert.equal((await found({ trace: 'trace-1' })).length, 4);
  assert.deepEqual(await found({ after: 1_800_000_019_000 }), ['gateway24']);
  assert.deepEqual(await found({ before: 1_800_000_002_000 }), ['gateway1', 'gateway2']);
  assert.deepEqual(await found({ after: 1_900_000_000_000 }), []);
});

test('a text is found wherever it stands, in upper or lower case, and its signs mean themselves', async () => {
  using home = await world();
  assert.equal((await home.found({ text: 'strange_100%' })).length, 4);
  assert.deepEqual(await home.found({ text: 'strangeX100' }), []);
  assert.deepEqual(await home.found({ text: 'RUN-3' }), ['gateway5']);
  assert.deepEqual(await home.found({ text: '%' }), await home.found({ text: '100%' }));
  assert.deepEqual(await home.found({ text: "' OR 1=1 --" }), []);
});

test('pages follow each other without a gap or a repeat, to the end', async () => {
  using home = await world();
  const seen: number[] = [];
  let page: number | null = null;
  do {
    const answer: Awaited<ReturnType<typeof home.ledger.search>> = await home.ledger.search({
      limit: 7,
      ...(page === null ? {} : { page }),
    });
    seen.unshift(...answer.records.map(({ seq }) => seq));
    page = answer.next;
  } while (page !== null);
  assert.deepEqual(
    seen,
    Array.from({ length: 24 }, (_, index) => index + 1),
  );
});

test('one call looks at a bounded number of records and says where to go on', async () => {
  using scratch = scratchLedger();
  const ledger = scratch.open();
  await ledger.append(LOGIN);
  // Far apart in number, as after retention: what counts is how far a call walks.
  scratch.raw.exec(`UPDATE records SET id = 1`);
  await ledger.append(event(1));
  scratch.raw.exec(`UPDATE records SET id = ${MAX_SCANNED + 1} WHERE id = 2`);
  const first = await ledger.search({ text: 'curl' });
  assert.deepEqual([first.records.length, first.next], [0, 1]);
  const second = await ledger.search({ text: 'curl', page: first.next ?? 0 });
  assert.deepEqual([second.records.length, second.next], [1, null]);
});

test('trace/a search that is made to cost much holds up the process: refused; it ends early and says where to go on', async () => {
  using scratch = scratchLedger();
  const ledger = scratch.open();
  await ledger.append(LOGIN);
  const columns = scratch.raw.prepare(`SELECT name FROM pragma_table_info('records')`).all();
  const names = columns.map(({ name }) => String(name));
  const data = `'{"name":"${'x'.repeat(4_000)}"}'`;
  const copied = names.map((name) => (name === 'id' || name === 'seq' ? 'n' : name === 'data' ? data : name));
  scratch.raw.exec(`INSERT INTO records (${names.join(', ')})
    WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 3000)
    SELECT ${copied.join(', ')} FROM records, numbers WHERE id = 1`);
  for (const more of [{}, { type: 'login' as const }]) {
    const { records, next } = await ledger.search({ ...more, text: `${'x'.repeat(200)}y` });
    assert.deepEqual(records, []);
    assert.ok(next !== null && next > 1, 'it went through everything at once');
  }
});

test('an address is found through its index, also in a ledger that somebody filled with broken data', async () => {
  using home = await world();
  home.scratch.raw.exec(`UPDATE records SET data = '{"address":"broken' WHERE seq = 2`);
  assert.equal((await home.found({ address: '203.0.113.9' })).length, 3);
  const plan = home.scratch.raw
    .prepare(
      `EXPLAIN QUERY PLAN SELECT * FROM records WHERE id <= 1 AND instr(data, '"address":"') > 0 AND json_valid(data)
       AND (data ->> '$.address') = 'x' ORDER BY id DESC LIMIT 1`,
    )
    .all();
  assert.match(JSON.stringify(plan), /records_address/);
});

test('following hands on the records of every writer, from a place on', async () => {
  using scratch = scratchLedger();
  const gateway = scratch.open();
  const egress = scratch.open({ writer: 'egress' });
  await gateway.append(event(1));
  const { place } = await gateway.follow(undefined, 10);
  await egress.append(event(2));
  await gateway.append(event(3));
  const step = await gateway.follow(place, 10);
  assert.deepEqual(
    step.records.map(({ writer }) => writer),
    ['egress', 'gateway'],
  );
  assert.deepEqual(await gateway.follow(step.place, 10), { records: [], place: step.place });
});

test('a ledger of the first version gets the new indexes, and its records stay proven', async () => {
  using scratch = scratchLedger();
  const ledger = scratch.open();
  await ledger.append(event(1));
  await ledger.close();
  scratch.raw.exec(
    'DROP INDEX records_agent; DROP INDEX records_address; DROP TABLE retirements; PRAGMA user_version = 1',
  );
  assert.equal((await scratch.prove()).ok, true);
  const again = scratch.open();
  await again.append(event(2));
  await again.close();
  const report = await scratch.prove();
  assert.deepEqual([report.ok, report.records], [true, 2]);
});
