import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyEvidence } from '../proof/verify.ts';
import { event, hasCode, scratchLedger } from '../testing/scratch.ts';
import type { RetentionOrder } from './order.ts';

const SOURCE = { version: '1.0.0', hostname: 'gate' };
const DAY = 86_400_000;
const SECRET = 'somebody-private';

/** A ledger of `days` days: ten records of two writers a day, signed each day. */
async function world(days = 10) {
  const scratch = scratchLedger();
  const gateway = scratch.open();
  const egress = scratch.open({ writer: 'egress' });
  for (let day = 0; day < days; day++) {
    for (let number = 0; number < 10; number++) {
      scratch.time += DAY / 10;
      const facts = { ...event(number), data: { note: SECRET, day } };
      await (number % 2 === 0 ? gateway : egress).append(facts);
    }
    await gateway.checkpoint();
  }
  const retire = (
    order: Partial<Omit<RetentionOrder, 'policy'>> & { policy: Partial<RetentionOrder['policy']> },
  ) => gateway.retire({ source: SOURCE, ...order, policy: { redact: [], ...order.policy } });
  const count = () => Number(scratch.raw.prepare('SELECT count(*) AS n FROM records').get()?.['n']);
  return { scratch, gateway, egress, retire, count, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

test('records that policy removes leave a chain that is proven, and the removal is on record', async () => {
  using home = await world();
  const parts = await home.retire({ policy: { removeAfterMs: 5 * DAY - 1 } });
  assert.deepEqual(
    parts.map(({ kind, writer, from }) => [kind, writer, from]),
    [
      ['removed', 'egress', 1],
      ['removed', 'gateway', 1],
    ],
  );
  const report = await home.scratch.prove();
  assert.deepEqual([report.ok, report.problems], [true, []]);
  // Fifty records are older than five days; two say that they are gone.
  assert.equal(home.count(), 52);
  const told = await home.gateway.search({ action: 'ledger.removed' });
  assert.equal(told.records.length, 2);
  await home.gateway.append(event(1));
  await home.gateway.close();
  assert.equal((await home.scratch.prove()).ok, true);
});

test('a second run goes on where the first ended, and the chain stays proven', async () => {
  using home = await world();
  await home.retire({ policy: { removeAfterMs: 7 * DAY } });
  await home.retire({ policy: { removeAfterMs: 4 * DAY } });
  assert.deepEqual(await home.retire({ policy: { removeAfterMs: 4 * DAY } }), []);
  assert.equal((await home.scratch.prove()).ok, true);
});

test('content that policy redacts is gone from the file, and what is left is proven', async () => {
  using home = await world();
  await home.retire({ policy: { redactAfterMs: 5 * DAY - 1, redact: ['data', 'principal'] } });
  const report = await home.scratch.prove();
  assert.deepEqual([report.ok, report.problems, report.records], [true, [], 102]);
  const old = await home.gateway.get('gateway', 1);
  assert.deepEqual(
    [old?.data, old?.subject?.principal, old?.action],
    [{ redacted: true }, '[redacted]', 'tool.started'],
  );
  assert.deepEqual((await home.gateway.get('gateway', 50))?.data?.['note'], SECRET);
  const kept = home.scratch.raw
    .prepare("SELECT count(*) AS n FROM records WHERE data LIKE '%private%'")
    .get()?.['n'];
  await home.gateway.close();
  const bytes =
    readFileSync(home.scratch.path).toString('latin1') + readFileSync(`${home.scratch.path}-wal`, 'latin1');
  const inFile = bytes.split(`{"note":"${SECRET}","day":0}`).length - 1;
  assert.deepEqual([kept, inFile], [50, 0]);
});

test('redacted records are removed later, as a whole part or not yet', async () => {
  using home = await world();
  await home.retire({ policy: { redactAfterMs: 4 * DAY, redact: ['data'] } });
  // The redacted part reaches to day six; a part of it may not go alone.
  assert.deepEqual(await home.retire({ policy: { removeAfterMs: 6 * DAY } }), []);
  assert.equal((await home.retire({ policy: { removeAfterMs: 3 * DAY } })).length, 2);
  assert.equal((await home.scratch.prove()).ok, true);
});

test('records go into the archive first, where they are proven by the same key', async () => {
  using home = await world();
  const archive = join(home.scratch.folder, 'archive');
  const parts = await home.retire({ policy: { removeAfterMs: 5 * DAY - 1, archive } });
  const files = readdirSync(archive).sort();
  assert.deepEqual(files, ['ledger-egress-1-25.jsonl', 'ledger-gateway-1-25.jsonl']);
  for (const [index, file] of files.entries()) {
    const text = readFileSync(join(archive, file), 'utf8');
    assert.equal(statSync(join(archive, file)).mode & 0o777, 0o600);
    assert.equal(createHash('sha256').update(text).digest('hex'), parts[index]?.archive);
    const lines = (async function* () {
      yield* text.trimEnd().split('\n');
    })();
    const report = await verifyEvidence(lines, home.scratch.publicKeys);
    assert.deepEqual([report.ok, report.records], [true, 25]);
  }
});

test('nothing is removed when the archive cannot be written', async () => {
  using home = await world();
  await assert.rejects(
    home.retire({ policy: { removeAfterMs: 5 * DAY - 1, archive: join(home.scratch.path, 'none') } }),
  );
  assert.equal(home.count(), 100);
  assert.equal((await home.scratch.prove()).ok, true);
});

test('on its own, retention moves by a bounded time, so that a clock that jumps ahead does not empty the ledger', async () => {
  using home = await world();
  home.scratch.time += 5_000 * DAY;
  await home.retire({ policy: { removeAfterMs: 30 * DAY }, step: 2 * DAY });
  assert.ok(home.count() >= 80, String(home.count()));
});

test('what is held back stays, and a dry run changes nothing', async () => {
  using home = await world();
  const policy = { removeAfterMs: 2 * DAY };
  assert.equal((await home.retire({ policy, dryRun: true })).length, 2);
  assert.equal(home.count(), 100);
  await home.retire({ policy, heldFrom: 1_800_000_000_000 + 3 * DAY });
  assert.ok(home.count() >= 72, String(home.count()));
});

test('the last record of each writer stays, however old', async () => {
  using home = await world();
  home.scratch.time += 400 * DAY;
  await home.retire({ policy: { removeAfterMs: DAY } });
  assert.notEqual(await home.egress.get('egress', 50), undefined);
  await home.egress.append(event(1));
  assert.equal((await home.scratch.prove()).ok, true);
});

test('that a token was revoked is carried on, so that no restored database brings it back', async () => {
  using scratch = scratchLedger();
  const ledger = scratch.open();
  await ledger.append({ type: 'change', action: 'token.revoked', outcome: 'success', data: { id: 't-1' } });
  await ledger.append(event(1));
  await ledger.checkpoint();
  scratch.time += 100 * DAY;
  await ledger.append(event(2));
  await ledger.retire({ source: SOURCE, policy: { removeAfterMs: 50 * DAY, redact: [] } });
  const { records } = await ledger.search({ action: 'token.revoked' });
  assert.deepEqual(
    records.map(({ data }) => [data?.['id'], data?.['carriedFrom']]),
    [['t-1', { writer: 'gateway', seq: 1, at: 1_800_000_000_000 }]],
  );
});

test('without the signing key nothing is taken out', async () => {
  using scratch = scratchLedger();
  const ledger = scratch.open({ sign: () => Promise.reject(new Error('egress is down')) });
  await ledger.append(event(1));
  await assert.rejects(
    ledger.retire({ source: SOURCE, policy: { removeAfterMs: 1, redact: [] } }),
    hasCode('LEDGER_CHECKPOINT_FAILED'),
  );
});

/** What somebody with write access to the file may try after retention ran. */
const TAMPERING: readonly (readonly [what: string, sql: string, codes: readonly string[]])[] = [
  [
    'removes more than was retired',
    "DELETE FROM records WHERE writer = 'gateway' AND seq = 26",
    ['LEDGER_MISSING'],
  ],
  ['forgets the retirement', 'DELETE FROM retirements', ['LEDGER_MISSING']],
  [
    'widens the retirement',
    "UPDATE retirements SET payload = replace(payload, ',25,', ',27,')",
    ['LEDGER_SIGNATURE_BAD'],
  ],
  ['moves a retirement to another number', 'UPDATE retirements SET id = id + 5', ['LEDGER_UNREADABLE']],
  [
    'puts a record back',
    "INSERT INTO records (writer, seq, at, prev, type, action, outcome, hash) VALUES ('gateway', 3, 1, '0', 'tool', 'x', 'allow', '0')",
    ['LEDGER_EDITED'],
  ],
];

for (const [what, sql, codes] of TAMPERING) {
  test(`trace/somebody ${what}: refused`, async () => {
    using home = await world();
    await home.retire({ policy: { removeAfterMs: 5 * DAY - 1 } });
    home.scratch.raw.exec(sql);
    const report = await home.scratch.prove();
    assert.equal(report.ok, false);
    for (const code of codes)
      assert.ok(
        report.problems.some((problem) => problem.code === code),
        JSON.stringify(report.problems),
      );
  });
}

test('trace/somebody changes what was left of a redacted record: refused, and named', async () => {
  for (const column of ['action', 'data', 'at', 'hash', 'outcome']) {
    using home = await world();
    await home.retire({ policy: { redactAfterMs: 5 * DAY - 1, redact: ['data'] } });
    const value = column === 'at' ? 'at + 1' : column === 'outcome' ? "'deny'" : `${column} || ' '`;
    home.scratch.raw.exec(`UPDATE records SET ${column} = ${value} WHERE writer = 'gateway' AND seq = 12`);
    const report = await home.scratch.prove();
    const found = report.problems.map(({ writer, seq, code }) => `${writer} ${seq} ${code}`);
    assert.ok(found.includes('gateway 12 LEDGER_EDITED'), `${column}: ${found.join()}`);
  }
});
