import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPastLedger } from './past.ts';
import { event, scratchLedger } from './testing/scratch.ts';

const DAY = 86_400_000;

test('a head of an older copy is part of its chain also when retention took it out, and a foreign one is not', async () => {
  using scratch = scratchLedger();
  const ledger = scratch.open();
  const heads: { writer: string; seq: number; hash: string }[] = [];
  for (let day = 0; day < 6; day++) {
    scratch.time += DAY;
    const { writer, seq, hash } = await ledger.append(event(day));
    heads.push({ writer, seq, hash });
    await ledger.checkpoint();
  }
  const source = { version: '1.0.0', hostname: 'gate' };
  await ledger.retire({ source, policy: { removeAfterMs: 3 * DAY - 1, redact: [] } });
  using past = openPastLedger(scratch.path);
  assert.equal(past.ends().get('gateway'), 7);
  for (const head of heads) assert.equal(past.holds(head), true, String(head.seq));
  const last = heads.at(-1);
  assert.ok(last !== undefined);
  assert.equal(past.holds({ ...last, hash: '0'.repeat(64) }), false);
  assert.equal(past.holds({ ...last, seq: 99 }), false);
  assert.equal(past.holds({ ...last, writer: 'other' }), false);
});
