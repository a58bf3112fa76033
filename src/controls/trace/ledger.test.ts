import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import { openConnection } from '../../drivers/sqlite/connection.ts';
import type { LedgerEvent } from '../../kernel/index.ts';
import { MAX_BATCH_RECORDS, MAX_QUEUED_RECORDS } from './appender.ts';
import { LEDGER_CODES } from './codes.ts';
import { MAX_DATA_DEPTH, MAX_DATA_VALUES, MAX_FIELD_CHARS, MAX_RECORD_BYTES } from './event.ts';
import { createLedger } from './ledger.ts';
import { MAX_QUERY_RECORDS } from './query.ts';
import { GENESIS } from './record.ts';
import { event, hasCode, scratchLedger } from './testing/scratch.ts';
import type { LedgerRecord } from './types.ts';

const plain: LedgerEvent = { type: 'process', action: 'process.started', outcome: 'success' };

describe('the ledger', () => {
  it('gives back what was written, chained to the record before it', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    const first = await ledger.append(plain);
    const second = await ledger.append({ ...event(7), code: 'TOOL_OK', authorityHash: 'a'.repeat(64) });
    assert.deepEqual(await ledger.get('gateway', 1), {
      ...plain,
      writer: 'gateway',
      seq: 1,
      at: scratch.time,
      prev: GENESIS,
      hash: first.hash,
    });
    assert.deepEqual(await ledger.get('gateway', 2), {
      ...event(7),
      code: 'TOOL_OK',
      authorityHash: 'a'.repeat(64),
      writer: 'gateway',
      seq: 2,
      at: scratch.time,
      prev: first.hash,
      hash: second.hash,
    });
    assert.equal(await ledger.get('gateway', 3), undefined);
    assert.equal((await ledger.verify()).ok, true);
    await ledger.close();
  });

  it('writes what arrives together in one transaction, in the order it arrived', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open({ sign: undefined });
    let transactions = 0;
    const exec = scratch.raw.exec.bind(scratch.raw);
    scratch.raw.exec = (sql) => {
      if (sql === 'COMMIT') transactions++;
      exec(sql);
    };
    const count = MAX_BATCH_RECORDS + 1;
    const receipts = await Promise.all(
      Array.from({ length: count }, (_, index) => ledger.append(event(index))),
    );
    assert.equal(transactions, 2);
    assert.deepEqual(
      receipts.map((receipt) => receipt.seq),
      Array.from({ length: count }, (_, index) => index + 1),
    );
    const records = await ledger.query({ limit: count });
    assert.deepEqual(
      records.map((record) => record.data?.number),
      Array.from({ length: count }, (_, index) => index),
    );
    await ledger.close();
  });

  it('goes on with its chain after a restart', async () => {
    using scratch = scratchLedger();
    const before = scratch.open();
    const { hash } = await before.append(plain);
    await before.close();
    const after = scratch.open();
    await after.append(plain);
    assert.equal((await after.get('gateway', 2))?.prev, hash);
    assert.equal((await after.verify()).ok, true);
    await after.close();
  });

  it('keeps one chain per writer in one file', async () => {
    using scratch = scratchLedger();
    const gateway = scratch.open();
    const other = openConnection(scratch.path);
    const egress = createLedger({
      raw: other,
      writer: 'egress',
      clock: { now: () => scratch.time },
      redact: (text) => text,
    });
    await Promise.all([1, 2, 3].flatMap((n) => [gateway.append(event(n)), egress.append(event(n))]));
    await egress.close();
    other.close();
    await gateway.close();
    const { ok, writers, checkpoints, unsigned } = await scratch.prove();
    assert.deepEqual({ ok, checkpoints, unsigned }, { ok: true, checkpoints: 1, unsigned: 0 });
    assert.deepEqual(
      writers.map(({ writer, head }) => [writer, head]),
      [
        ['egress', 3],
        ['gateway', 3],
      ],
    );
  });

  it('proves itself while it is open, and says what no signature covers yet', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await ledger.append(event(1));
    await ledger.checkpoint();
    await ledger.append(event(2));
    await ledger.append(event(3));
    const { ok, unsigned, problemsOmitted } = await ledger.verify();
    assert.deepEqual({ ok, unsigned, problemsOmitted }, { ok: true, unsigned: 2, problemsOmitted: 0 });
    await ledger.close();
  });

  it('shows the clock as it was when it jumps backwards, and keeps the order', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    const first = scratch.time;
    await ledger.append(plain);
    scratch.time -= 86_400_000;
    await ledger.append(plain);
    const records = await ledger.query({});
    assert.deepEqual(
      records.map(({ seq, at }) => [seq, at]),
      [
        [1, first],
        [2, first - 86_400_000],
      ],
    );
    assert.equal((await ledger.verify()).ok, true);
    await ledger.close();
  });

  it('tells listeners what is on disk, and goes on when one of them fails', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    const heard: LedgerRecord[] = [];
    ledger.onAppend(() => {
      throw new Error('not my day');
    });
    const stop = ledger.onAppend((record) => void heard.push(record));
    await ledger.append(event(1));
    stop();
    await ledger.append(event(2));
    assert.deepEqual(heard, [await ledger.get('gateway', 1)]);
    await ledger.close();
  });
});

describe('queries', () => {
  it('return the last records that agree with every filter', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    for (let n = 0; n < 20; n++) {
      scratch.time++;
      await ledger.append(n === 13 ? { ...plain, code: 'SOMETHING_ODD' } : event(n));
    }
    const numbers = async (query: Parameters<typeof ledger.query>[0]) =>
      (await ledger.query(query)).map((record) => record.seq - 1);
    assert.deepEqual(await numbers({ trace: 'trace-3' }), [3, 8, 18]);
    assert.deepEqual(await numbers({ trace: 'trace-3', limit: 2 }), [8, 18]);
    assert.deepEqual(await numbers({ run: 'run-4', agent: 'main', type: 'tool' }), [4]);
    assert.deepEqual(await numbers({ run: 'run-4', agent: 'other' }), []);
    assert.deepEqual(await numbers({ code: 'SOMETHING_ODD', action: 'process.started' }), [13]);
    assert.deepEqual(await numbers({ principal: 'local', session: 'agent:main:main', limit: 2 }), [18, 19]);
    assert.deepEqual(await numbers({ after: scratch.time - 2 }), [18, 19]);
    assert.deepEqual(await numbers({ before: scratch.time - 17 }), [0, 1]);
    assert.deepEqual(await numbers({ limit: 0 }), []);
    await ledger.close();
  });

  it('return no more than their bound', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await Promise.all(Array.from({ length: MAX_QUERY_RECORDS + 1 }, (_, n) => ledger.append(event(n))));
    assert.equal((await ledger.query({ limit: MAX_QUERY_RECORDS + 1 })).length, MAX_QUERY_RECORDS);
    await ledger.close();
  });
});

describe('what reaches the ledger', () => {
  it('passes the redactor, in every field and in keys, before JSON could hide it', async () => {
    using scratch = scratchLedger();
    const secret = 'quote"and\\slash';
    const ledger = scratch.open({ redact: (text) => text.replaceAll(secret, '[redacted]') });
    await ledger.append({
      ...plain,
      subject: { principal: 'local', sender: `me ${secret}` },
      data: { nested: [{ [secret]: `a ${secret} b` }], number: 1, none: undefined },
    });
    const record = await ledger.get('gateway', 1);
    assert.equal(record?.subject?.sender, 'me [redacted]');
    assert.deepEqual(record?.data, { nested: [{ '[redacted]': 'a [redacted] b' }], number: 1 });
    assert.equal((await ledger.query({ principal: 'local' })).length, 1);
    const bytes = Buffer.from(scratch.raw.serialize());
    assert.equal(bytes.includes('quote"and'), false);
    await ledger.close();
  });

  it('keeps data up to its bound, and the digest and size of longer data', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    const fits = { text: 'x'.repeat(MAX_RECORD_BYTES - '{"text":""}'.length) };
    await ledger.append({ ...plain, data: fits });
    await ledger.append({ ...plain, data: { text: `${fits.text}x` } });
    assert.deepEqual((await ledger.get('gateway', 1))?.data, fits);
    assert.deepEqual((await ledger.get('gateway', 2))?.data, {
      oversize: {
        sha256: hash('sha256', JSON.stringify({ text: `${fits.text}x` })),
        bytes: MAX_RECORD_BYTES + 1,
      },
    });
    assert.equal((await ledger.verify()).ok, true);
    await ledger.close();
  });

  it('keeps a field up to its bound, and finds a longer one by its full text', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    const longest = 's'.repeat(MAX_FIELD_CHARS);
    await ledger.append({ ...plain, subject: { principal: 'local', session: longest } });
    await ledger.append({ ...plain, subject: { principal: 'local', session: `${longest}s` } });
    assert.equal((await ledger.query({ session: longest }))[0]?.subject?.session, longest);
    const [found] = await ledger.query({ session: `${longest}s` });
    assert.match(found?.subject?.session ?? '', /^sha256:[0-9a-f]{64} \(1025 characters\)$/);
    await ledger.close();
  });

  it('ledger/a line, an escape sequence or hidden text forged through a field: refused', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    const forged = 'x\n2026 login ok\u0000\u001b[2J\u009b1m\u202e\ud800';
    const shown = 'x\\u000a2026 login ok\\u0000\\u001b[2J\\u009b1m\\u202e\ufffd';
    await ledger.append({
      ...plain,
      action: forged,
      subject: { principal: forged },
      data: { [forged]: forged },
    });
    const record = await ledger.get('gateway', 1);
    assert.equal(record?.action, shown);
    assert.deepEqual(record?.subject, { principal: shown });
    assert.deepEqual(record?.data, { [shown]: shown });
    assert.equal((await ledger.query({ principal: forged })).length, 1);
    assert.equal((await ledger.verify()).ok, true);
    await ledger.close();
  });

  it('keeps values that JSON has no form for as text, whatever their form', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    const cycle: Record<string, unknown> = { big: 10n, bytes: new Uint8Array(3), not: Number.NaN };
    cycle.self = cycle;
    await ledger.append({ ...plain, data: cycle });
    const { self, ...rest } = (await ledger.get('gateway', 1))?.data ?? {};
    assert.deepEqual(rest, { big: '10', bytes: '[3 bytes]', not: 'NaN' });
    assert.match(JSON.stringify(self), /\[too deep\]/);
    await ledger.close();
  });

  it('is kept down to its depth and up to its number of values, and names what is not', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    const nested = (levels: number): Record<string, unknown> =>
      levels === 1 ? { leaf: 1 } : { inner: nested(levels - 1) };
    // The object and its list are values too.
    const list = (items: number) => ({ list: Array.from({ length: items }, () => 1) });
    for (const data of [nested(MAX_DATA_DEPTH), list(MAX_DATA_VALUES - 2)]) {
      const { seq } = await ledger.append({ ...plain, data });
      assert.deepEqual((await ledger.get('gateway', seq))?.data, data);
    }
    for (const data of [nested(MAX_DATA_DEPTH + 1), list(MAX_DATA_VALUES - 1)]) {
      const { seq } = await ledger.append({ ...plain, data });
      assert.match(JSON.stringify((await ledger.get('gateway', seq))?.data), /\[too (deep|many values)\]/);
    }
    await ledger.close();
  });
});

describe('a ledger that cannot be written', () => {
  it('ledger/an append on a full disk: refused, and the chain goes on when there is room', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open({ sign: undefined });
    await ledger.append(plain);
    const pages = Number(scratch.raw.prepare('PRAGMA page_count').get()?.page_count);
    scratch.raw.exec(`PRAGMA max_page_count = ${pages}`);
    const heard: LedgerRecord[] = [];
    ledger.onAppend((record) => void heard.push(record));
    const big = { ...plain, data: { text: 'x'.repeat(MAX_RECORD_BYTES - 100) } };
    const results = await Promise.allSettled([ledger.append(plain), ledger.append(big)]);
    for (const result of results) {
      assert.equal(result.status, 'rejected');
      assert.ok(hasCode('LEDGER_WRITE_FAILED')(result.reason));
    }
    assert.deepEqual(heard, []);
    scratch.raw.exec('PRAGMA max_page_count = 1000000');
    assert.equal((await ledger.append(plain)).seq, 2);
    assert.equal((await ledger.verify()).ok, true);
    await ledger.close();
  });

  it('ledger/an append while another process holds the file: refused, and works after', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open({ sign: undefined });
    scratch.raw.exec('PRAGMA busy_timeout = 10');
    const other = openConnection(scratch.path);
    other.exec('BEGIN IMMEDIATE');
    await assert.rejects(ledger.append(plain), hasCode('LEDGER_WRITE_FAILED'));
    other.close();
    assert.equal((await ledger.append(plain)).seq, 1);
    await ledger.close();
  });

  it('ledger/more records than may wait: refused beyond the bound', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open({ sign: undefined });
    const appends = Array.from({ length: MAX_QUEUED_RECORDS + 1 }, () => ledger.append(plain));
    const results = await Promise.allSettled(appends);
    const refused = results.filter((result) => result.status === 'rejected');
    assert.equal(refused.length, 1);
    assert.ok(hasCode('LEDGER_QUEUE_FULL')(refused[0]?.reason));
    await ledger.close();
  });

  it('ledger/an append after close: refused, and what waited before is written', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    const waiting = ledger.append(plain);
    const closing = ledger.close();
    await assert.rejects(ledger.append(plain), hasCode('LEDGER_CLOSED'));
    await closing;
    assert.equal((await waiting).seq, 1);
    assert.equal((await scratch.prove()).unsigned, 0);
  });

  it('ledger/a second writer of one name: refused until the first is closed', async () => {
    using scratch = scratchLedger();
    const first = scratch.open();
    const other = openConnection(scratch.path);
    const second = () =>
      createLedger({ raw: other, writer: 'gateway', clock: { now: Date.now }, redact: (text) => text });
    assert.throws(second, hasCode('LEDGER_WRITER_BUSY'));
    await first.append(plain);
    await first.close();
    const ledger = second();
    assert.equal((await ledger.append(plain)).seq, 2);
    await ledger.close();
    other.close();
  });

  it('ledger/a writer name that is a path: refused', () => {
    using scratch = scratchLedger();
    for (const writer of ['../x', '', 'Gateway', 'x'.repeat(33)]) {
      assert.throws(() => scratch.open({ writer }), hasCode('LEDGER_WRITER_INVALID'));
    }
  });

  it('ledger/adding to a chain whose end was changed: refused', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    for (let n = 0; n < 3; n++) await ledger.append(event(n));
    await ledger.close();
    scratch.raw.exec('DELETE FROM records WHERE seq = 3');
    assert.throws(() => scratch.open(), hasCode('LEDGER_DAMAGED'));
    scratch.raw.exec('UPDATE heads SET seq = 2, hash = (SELECT hash FROM records WHERE seq = 2)');
    scratch.raw.exec("UPDATE records SET action = 'tool.stopped' WHERE seq = 2");
    assert.throws(() => scratch.open(), hasCode('LEDGER_DAMAGED'));
    assert.equal(scratch.raw.prepare('SELECT count(*) AS n FROM records').get()?.n, 2);
  });

  it('ledger/a ledger of a newer version: refused', async () => {
    using scratch = scratchLedger();
    await scratch.open().close();
    scratch.raw.exec('PRAGMA user_version = 99');
    assert.throws(() => scratch.open(), hasCode('LEDGER_NEWER'));
  });

  it('lists every code with the prefix of the ledger', () => {
    for (const code of Object.keys(LEDGER_CODES.table)) assert.match(code, /^LEDGER_[A-Z_]+$/);
  });
});
