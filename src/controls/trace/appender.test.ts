import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openConnection } from '../../drivers/sqlite/connection.ts';
import { Appender, MAX_QUEUED_RECORDS, PATIENCE_MS } from './appender.ts';
import { toFields } from './event.ts';
import type { RecordRow } from './record.ts';
import { prepareTables } from './tables.ts';
import { scratchLedger } from './testing/scratch.ts';
import type { LogSync } from './wal-sync.ts';

const EVENT = toFields({ type: 'change', action: 'test', outcome: 'success' }, (text) => text);

/** A disk that becomes durable when the test says so. */
class SlowDisk implements LogSync {
  readonly waiting: ((cause: Error | null) => void)[] = [];
  syncs = 0;
  closed = false;

  start(done: (cause: Error | null) => void): void {
    this.syncs += 1;
    this.waiting.push(done);
  }

  now(): void {
    this.syncs += 1;
  }

  close(): void {
    this.closed = true;
  }

  answer(cause: Error | null = null): void {
    this.waiting.shift()?.(cause);
  }
}

function setup() {
  const scratch = scratchLedger();
  const raw = openConnection(scratch.path);
  prepareTables(raw);
  const disk = new SlowDisk();
  const told: RecordRow[] = [];
  const appender = new Appender({
    raw,
    writer: 'gateway',
    clock: { now: () => 1 },
    onCommit: (rows) => void told.push(...rows),
    sync: disk,
  });
  const stored = () => Number(raw.prepare('SELECT count(*) AS n FROM records').get()?.['n']);
  const synchronous = () => Number(raw.prepare('PRAGMA synchronous').get()?.['synchronous']);
  const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return {
    raw,
    disk,
    told,
    appender,
    stored,
    synchronous,
    turn,
    [Symbol.dispose]() {
      raw.close();
      scratch[Symbol.dispose]();
    },
  };
}

describe('records beside a slow disk', () => {
  it('trace/an action whose record is written and not yet durable: it does not start', async () => {
    using t = setup();
    let started = false;
    const receipt = t.appender.append(EVENT).then((one) => {
      started = true;
      return one;
    });
    await t.turn();
    assert.equal(t.stored(), 1);
    assert.deepEqual([started, t.told.length], [false, 0]);
    t.disk.answer();
    assert.equal((await receipt).seq, 1);
    assert.deepEqual([started, t.told.length], [true, 1]);
  });

  it('what is committed while the disk is busy becomes durable together, with one more sync', async () => {
    using t = setup();
    const first = t.appender.append(EVENT);
    await t.turn();
    const others: Promise<unknown>[] = [];
    for (let i = 0; i < 5; i += 1) {
      others.push(t.appender.append(EVENT));
      await t.turn();
    }
    assert.deepEqual([t.stored(), t.disk.syncs], [6, 1]);
    t.disk.answer();
    await first;
    assert.equal(t.disk.syncs, 2);
    t.disk.answer();
    await Promise.all(others);
    assert.deepEqual([t.disk.syncs, t.told.length], [2, 6]);
  });

  it('what others commit on the same connection still waits for the disk', async () => {
    using t = setup();
    const receipt = t.appender.append(EVENT);
    await t.turn();
    assert.equal(t.synchronous(), 2);
    t.disk.answer();
    await receipt;
  });

  it('trace/a disk that fails to sync: everything that waited is refused, and SQLite syncs from then on', async () => {
    using t = setup();
    const first = t.appender.append(EVENT);
    await t.turn();
    const second = t.appender.append(EVENT);
    await t.turn();
    t.disk.answer(new Error('EIO'));
    await assert.rejects(first, { code: 'LEDGER_WRITE_FAILED' });
    await assert.rejects(second, { code: 'LEDGER_WRITE_FAILED' });
    assert.deepEqual([t.disk.closed, t.told.length], [true, 0]);
    assert.equal((await t.appender.append(EVENT)).seq, 3);
    assert.equal(t.disk.syncs, 1);
  });

  it('trace/more records than may wait for the disk: refused; they are taken again once it has answered', async () => {
    using t = setup();
    const waiting = Array.from({ length: MAX_QUEUED_RECORDS }, () => t.appender.append(EVENT));
    while (t.stored() < MAX_QUEUED_RECORDS) await t.turn();
    await assert.rejects(t.appender.append(EVENT), { code: 'LEDGER_QUEUE_FULL' });
    t.disk.answer();
    t.disk.answer();
    await Promise.all(waiting);
    const again = t.appender.append(EVENT);
    await t.turn();
    t.disk.answer();
    await again;
  });

  it('closing makes everything durable at once, and the answer of a sync that was under way changes nothing', async () => {
    using t = setup();
    const first = t.appender.append(EVENT);
    await t.turn();
    const second = t.appender.append(EVENT, true);
    t.appender.close();
    assert.deepEqual([(await first).seq, (await second).seq], [1, 2]);
    assert.ok(t.disk.closed);
    t.disk.answer(new Error('too late'));
    assert.equal(t.told.length, 2);
  });

  it('a record that nobody waits for goes with the next one that somebody waits for, or after a moment by itself', async (context) => {
    using t = setup();
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const patient = t.appender.append(EVENT, true);
    await t.turn();
    assert.equal(t.stored(), 0);
    const receipt = t.appender.append(EVENT);
    await t.turn();
    assert.equal(t.stored(), 2);
    t.disk.answer();
    assert.deepEqual([(await patient).seq, (await receipt).seq], [1, 2]);
    const alone = t.appender.append(EVENT, true);
    context.mock.timers.tick(PATIENCE_MS);
    assert.equal(t.stored(), 3);
    t.disk.answer();
    await alone;
  });
});
