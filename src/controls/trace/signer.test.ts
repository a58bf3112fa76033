import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { openConnection } from '../../drivers/sqlite/connection.ts';
import type { Logger } from '../../kernel/index.ts';
import { MAX_ANCHOR_LINE_BYTES } from './anchor.ts';
import { checkpointPayload } from './checkpoint.ts';
import { CHECKPOINT_DELAY_MS, CHECKPOINT_RECORDS, LAST_CHECKPOINT_MS, type Schedule } from './signer.ts';
import { event, hasCode, scratchLedger } from './testing/scratch.ts';

/** A timer that a test fires itself. */
function manualTimer() {
  const tasks = new Set<() => void>();
  const delays: number[] = [];
  const schedule: Schedule = (milliseconds, task) => {
    delays.push(milliseconds);
    tasks.add(task);
    return () => void tasks.delete(task);
  };
  const fire = () => {
    const due = [...tasks];
    tasks.clear();
    for (const task of due) task();
  };
  return { schedule, fire, delays, pending: () => tasks.size };
}

/** A signer whose calls a test can wait for and refuse. */
function watchedSign(sign: (bytes: Uint8Array) => Promise<{ keyId: string; signature: string }>) {
  let signed = Promise.withResolvers<void>();
  const state = { calls: 0, down: false };
  const watched = async (bytes: Uint8Array) => {
    state.calls++;
    const seen = signed;
    signed = Promise.withResolvers();
    setImmediate(seen.resolve);
    if (state.down) throw Object.assign(new Error('egress is down'), { code: 'EGRESS_UNAVAILABLE' });
    return sign(bytes);
  };
  return { state, sign: watched, next: () => signed.promise };
}

const anchorLines = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n').length;

describe('checkpoints', () => {
  it('sign the ends of all chains, in the database and in the anchor file', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await ledger.append(event(1));
    await ledger.checkpoint();
    await ledger.checkpoint();
    await ledger.append(event(2));
    await ledger.close();
    assert.equal(anchorLines(scratch.anchorFile), 2);
    const { ok, checkpoints, unsigned } = await scratch.prove();
    assert.deepEqual({ ok, checkpoints, unsigned }, { ok: true, checkpoints: 2, unsigned: 0 });
  });

  it('are made one minute after the first unsigned record, and no timer runs while all is signed', async () => {
    using scratch = scratchLedger();
    const timer = manualTimer();
    const { sign, next, state } = watchedSign(scratch.sign);
    const ledger = scratch.open({ schedule: timer.schedule, sign });
    assert.equal(timer.pending(), 0);
    await ledger.append(event(1));
    await ledger.append(event(2));
    assert.deepEqual(timer.delays, [CHECKPOINT_DELAY_MS]);
    const signed = next();
    timer.fire();
    await signed;
    await ledger.checkpoint();
    assert.equal(state.calls, 1);
    assert.equal(timer.pending(), 0);
    await ledger.close();
  });

  it('are made at once when enough records are unsigned', async () => {
    using scratch = scratchLedger();
    const { sign, next, state } = watchedSign(scratch.sign);
    const ledger = scratch.open({ sign });
    await Promise.all(Array.from({ length: CHECKPOINT_RECORDS - 1 }, (_, n) => ledger.append(event(n))));
    assert.equal(state.calls, 0);
    const signed = next();
    await ledger.append(event(0));
    await signed;
    await ledger.checkpoint();
    assert.equal(state.calls, 1);
    assert.equal((await scratch.prove()).unsigned, 0);
    await ledger.close();
  });

  it('wait for the key when it is out of reach, while records go on', async () => {
    using scratch = scratchLedger();
    const timer = manualTimer();
    const { sign, next, state } = watchedSign(scratch.sign);
    const warnings: unknown[] = [];
    const logger: Logger = {
      info: () => {},
      warn: (_, fields) => void warnings.push(fields),
      error: () => {},
    };
    const ledger = scratch.open({ schedule: timer.schedule, sign, logger });
    state.down = true;
    await ledger.append(event(1));
    await assert.rejects(ledger.checkpoint(), hasCode('LEDGER_CHECKPOINT_FAILED'));
    await Promise.all(Array.from({ length: CHECKPOINT_RECORDS + 1 }, (_, n) => ledger.append(event(n))));
    assert.equal(state.calls, 1, 'only the timer tries again');
    assert.equal((await scratch.prove()).unsigned, CHECKPOINT_RECORDS + 2);
    state.down = false;
    const signed = next();
    timer.fire();
    await signed;
    await ledger.checkpoint();
    const { ok, unsigned } = await scratch.prove();
    assert.deepEqual({ ok, unsigned }, { ok: true, unsigned: 0 });
    state.down = true;
    await ledger.append(event(2));
    await ledger.close();
    assert.deepEqual(warnings, [{ code: 'LEDGER_CHECKPOINT_FAILED', cause: 'EGRESS_UNAVAILABLE' }]);
  });

  it('are made by the next process for what a killed one left unsigned', async () => {
    using scratch = scratchLedger();
    const unsigned = scratch.open({ sign: undefined });
    await unsigned.append(event(1));
    await unsigned.close();
    const timer = manualTimer();
    const ledger = scratch.open({ schedule: timer.schedule });
    assert.deepEqual(timer.delays, [CHECKPOINT_DELAY_MS]);
    await ledger.close();
    assert.equal(timer.pending(), 0);
    assert.equal((await scratch.prove()).unsigned, 0);
  });

  it('do not keep a stopping process waiting for a key that never answers', async () => {
    using scratch = scratchLedger();
    const timer = manualTimer();
    const ledger = scratch.open({ schedule: timer.schedule, sign: () => new Promise(() => {}) });
    await ledger.append(event(1));
    const closing = ledger.close();
    assert.equal(timer.delays.at(-1), LAST_CHECKPOINT_MS);
    timer.fire();
    await closing;
    assert.equal((await scratch.prove()).unsigned, 1);
  });

  it('of two processes at once follow one another', async () => {
    using scratch = scratchLedger();
    const gateway = scratch.open();
    const raw = openConnection(scratch.path);
    const egress = scratch.open({ raw, writer: 'egress' });
    for (let round = 0; round < 5; round++) {
      await Promise.all([gateway.append(event(round)), egress.append(event(round))]);
      await Promise.all([gateway.checkpoint(), egress.checkpoint()]);
    }
    await Promise.all([gateway.close(), egress.close()]);
    raw.close();
    assert.deepEqual((await scratch.prove()).problems, []);
  });
});

describe('the anchor file', () => {
  it('gets what it missed while it could not be written', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open({ anchorFile: undefined });
    for (const n of [1, 2, 3]) {
      await ledger.append(event(n));
      await ledger.checkpoint();
    }
    await ledger.close();
    assert.equal(existsSync(scratch.anchorFile), false);
    const next = scratch.open();
    await next.append(event(4));
    await next.close();
    assert.equal(anchorLines(scratch.anchorFile), 4);
    assert.equal((await scratch.prove()).ok, true);
  });

  it('survives a line that a crash cut off', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await ledger.append(event(1));
    await ledger.checkpoint();
    await ledger.append(event(2));
    await ledger.checkpoint();
    truncateSync(scratch.anchorFile, readFileSync(scratch.anchorFile).length - 40);
    assert.deepEqual((await scratch.prove()).problems, []);
    await ledger.append(event(3));
    await ledger.close();
    assert.deepEqual((await scratch.prove()).problems, []);
    assert.equal(anchorLines(scratch.anchorFile), 4);
  });

  it('ledger/a foreign line, an endless line, a forged checkpoint in the anchor: reported', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await ledger.append(event(1));
    await ledger.close();
    const forged = checkpointPayload({ id: 9, at: 1, records: 1, prev: '', heads: [] });
    const line = JSON.stringify({ payload: forged, keyId: 'ledger-test', signature: 'AAAA' });
    appendFileSync(scratch.anchorFile, `hello\n${'x'.repeat(MAX_ANCHOR_LINE_BYTES + 1)}\n${line}\n`);
    const { problems } = await scratch.prove();
    assert.deepEqual(
      problems.map(({ code, writer, seq }) => [code, writer, seq]),
      [
        ['LEDGER_UNREADABLE', 'anchor', 2],
        ['LEDGER_UNREADABLE', 'anchor', 3],
        ['LEDGER_SIGNATURE_BAD', 'anchor', 4],
      ],
    );
  });

  it('ledger/an anchor file that is gone: reported', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await ledger.append(event(1));
    await ledger.close();
    rmSync(scratch.anchorFile);
    const { problems } = await scratch.prove();
    assert.deepEqual(
      problems.map(({ code, writer }) => [code, writer]),
      [['LEDGER_MISSING', 'anchor']],
    );
  });

  it('ledger/a chain written anew after the anchor: reported', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await ledger.append(event(1));
    await ledger.append(event(2));
    await ledger.close();
    scratch.raw.exec('DELETE FROM records; DELETE FROM heads; DELETE FROM checkpoints');
    const anchor = readFileSync(scratch.anchorFile);
    const rewritten = scratch.open();
    await rewritten.append(event(1));
    await rewritten.append(event(3));
    await rewritten.close();
    writeFileSync(scratch.anchorFile, anchor);
    const { problems } = await scratch.prove();
    assert.deepEqual(
      problems.map(({ code, writer, seq }) => [code, writer, seq]),
      [
        ['LEDGER_EDITED', 'checkpoint', 1],
        ['LEDGER_EDITED', 'gateway', 2],
      ],
    );
  });
});
