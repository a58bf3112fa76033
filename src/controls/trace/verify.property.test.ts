import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { EVENT_COLUMNS } from './record.ts';
import { event, scratchLedger } from './testing/scratch.ts';
import type { VerifyReport } from './types.ts';
import { verifyLedgerFile } from './verify.ts';

const RECORDS = 12;
const COLUMNS = ['writer', 'seq', 'at', 'prev', ...EVENT_COLUMNS, 'hash'] as const;

const scratch = scratchLedger();
process.on('exit', () => scratch[Symbol.dispose]());
const copy = join(scratch.folder, 'copy.db');

/** Three checkpoints over two writers, closed, so that everything is signed. */
before(async () => {
  const egress = scratch.open({ writer: 'egress', sign: undefined });
  const gateway = scratch.open();
  for (let n = 1; n <= RECORDS; n++) {
    await gateway.append(event(n));
    if (n % 3 === 0) await egress.append({ ...event(n), type: 'egress' });
    if (n % 5 === 0) await gateway.checkpoint();
  }
  await egress.close();
  await gateway.close();
  scratch.raw.close();
});

/** Verify a copy of the ledger after somebody had it. */
async function tampered(change: (raw: DatabaseSync) => void): Promise<VerifyReport> {
  copyFileSync(scratch.path, copy);
  const raw = new DatabaseSync(copy, { enableDoubleQuotedStringLiterals: false });
  change(raw);
  raw.close();
  return verifyLedgerFile({ path: copy, publicKeys: scratch.publicKeys, anchorFile: scratch.anchorFile });
}

const named = (report: VerifyReport, code: string, writer: string, seq: number): boolean =>
  report.problems.some(
    (problem) => problem.code === code && problem.writer === writer && problem.seq === seq,
  );

const seqs = fc.integer({ min: 1, max: RECORDS });

describe('verification of a small ledger', () => {
  it('finds nothing in an untouched one', async () => {
    const report = await tampered(() => {});
    assert.deepEqual(report.problems, []);
    assert.equal(report.ok, true);
    assert.equal(report.records, RECORDS + RECORDS / 3);
    assert.equal(report.checkpoints, 3);
    assert.equal(report.unsigned, 0);
  });

  it('names the record of which any one byte of any one column was changed', async () => {
    await fc.assert(
      fc.asyncProperty(
        seqs,
        fc.constantFrom(...COLUMNS),
        fc.nat(),
        fc.integer({ min: 1, max: 127 }),
        async (seq, column, at, flip) => {
          let changed = false;
          const report = await tampered((raw) => {
            const value = raw
              .prepare(`SELECT ${column} AS value FROM records WHERE writer = 'gateway' AND seq = ?`)
              .get(seq)?.value;
            if (value === null || value === undefined) return;
            changed = true;
            const edited = typeof value === 'number' ? value + flip : flipByte(String(value), at, flip);
            raw
              .prepare(`UPDATE OR REPLACE records SET ${column} = ? WHERE writer = 'gateway' AND seq = ?`)
              .run(edited, seq);
          });
          assert.equal(report.ok, !changed);
          if (!changed || column === 'writer' || column === 'seq') return;
          assert.ok(named(report, 'LEDGER_EDITED', 'gateway', seq), JSON.stringify(report.problems));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('names the record that was dropped', async () => {
    await fc.assert(
      fc.asyncProperty(seqs, async (seq) => {
        const report = await tampered((raw) =>
          raw.prepare("DELETE FROM records WHERE writer = 'gateway' AND seq = ?").run(seq),
        );
        const code = seq === RECORDS ? 'LEDGER_TRUNCATED' : 'LEDGER_MISSING';
        assert.ok(named(report, code, 'gateway', seq), JSON.stringify(report.problems));
      }),
      { numRuns: 30 },
    );
  });

  it('names both records whose contents were exchanged', async () => {
    await fc.assert(
      fc.asyncProperty(seqs, seqs, fc.boolean(), async (one, other, withSeq) => {
        fc.pre(one !== other);
        const report = await tampered((raw) => exchange(raw, one, other, withSeq));
        assert.equal(report.ok, false);
        const [low, high] = one < other ? [one, other] : [other, one];
        assert.ok(named(report, 'LEDGER_REORDERED', 'gateway', low), JSON.stringify(report.problems));
        if (withSeq) return;
        assert.ok(named(report, 'LEDGER_REORDERED', 'gateway', high));
        assert.equal(report.problems.length, 2, JSON.stringify(report.problems));
      }),
      { numRuns: 60 },
    );
  });

  it('finds an end that was cut off, even with its marks and checkpoints', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: RECORDS - 1 }), fc.boolean(), async (kept, thoroughly) => {
        const report = await tampered((raw) => {
          raw.prepare("DELETE FROM records WHERE writer = 'gateway' AND seq > ?").run(kept);
          if (!thoroughly) return;
          raw.exec(`DELETE FROM heads WHERE writer = 'gateway'`);
          raw.exec(
            `INSERT INTO heads SELECT writer, seq, hash FROM records WHERE writer = 'gateway' ORDER BY seq DESC LIMIT 1`,
          );
          raw.exec(`DELETE FROM checkpoints WHERE id > ${Math.floor(kept / 5)}`);
        });
        assert.ok(named(report, 'LEDGER_TRUNCATED', 'gateway', kept + 1), JSON.stringify(report.problems));
      }),
      { numRuns: 40 },
    );
  });

  it('finds any change of the marked ends and of a checkpoint', async () => {
    const cells: [string, string][] = [
      ...['writer', 'seq', 'hash'].map((column): [string, string] => ['heads', column]),
      ...['id', 'payload', 'hash', 'key_id', 'signature'].map((column): [string, string] => [
        'checkpoints',
        column,
      ]),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...cells),
        fc.nat({ max: 2 }),
        fc.nat(),
        async ([table, column], row, at) => {
          const report = await tampered((raw) => {
            const rows = raw
              .prepare(`SELECT rowid AS place, ${column} AS value FROM ${table} ORDER BY rowid`)
              .all();
            const picked = rows[row % rows.length];
            const value = picked?.value;
            const edited = typeof value === 'number' ? value + 7 : flipByte(String(value), at, 1);
            raw
              .prepare(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`)
              .run(edited, Number(picked?.place));
          });
          assert.equal(report.ok, false, `${table}.${column}`);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('either finds a byte that was changed in the file, or nothing that it says has changed', async () => {
    const original = readFileSync(scratch.path);
    const truth = contents(scratch.path);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: original.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const bytes = Buffer.from(original);
          bytes[at] = (bytes[at] ?? 0) ^ flip;
          writeFileSync(copy, bytes);
          const report = await verifyLedgerFile({
            path: copy,
            publicKeys: scratch.publicKeys,
            anchorFile: scratch.anchorFile,
          }).catch((error: { code?: string }) => error);
          if (!('ok' in report)) assert.equal((report as { code?: string }).code, 'LEDGER_NEWER');
          else if (report.ok) assert.equal(contents(copy), truth);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never fails on a file that was cut at any place', async () => {
    const original = readFileSync(scratch.path);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: original.length - 1 }), async (length) => {
        writeFileSync(copy, original.subarray(0, length));
        const report = await verifyLedgerFile({ path: copy, publicKeys: scratch.publicKeys });
        assert.equal(report.ok, false);
      }),
      { numRuns: 60 },
    );
  });
});

/** Another text of the same length: one character less or more in its code. */
function flipByte(text: string, at: number, flip: number): string {
  const bytes = Buffer.from(text);
  const place = at % bytes.length;
  bytes[place] = (bytes[place] ?? 0) ^ flip;
  return bytes.toString('latin1');
}

function exchange(raw: DatabaseSync, one: number, other: number, withSeq: boolean): void {
  const columns = COLUMNS.filter((column) => column !== 'writer' && (withSeq || column !== 'seq'));
  const select = raw.prepare(
    `SELECT id, ${columns.join(', ')} FROM records WHERE writer = 'gateway' AND seq = ?`,
  );
  const [a, b] = [select.get(one), select.get(other)];
  const set = raw.prepare(
    `UPDATE records SET ${columns.map((column) => `${column} = ?`).join(', ')} WHERE id = ?`,
  );
  if (withSeq) raw.prepare('UPDATE records SET seq = -1 WHERE id = ?').run(Number(b?.id));
  set.run(...columns.map((column) => b?.[column] ?? null), Number(a?.id));
  set.run(...columns.map((column) => a?.[column] ?? null), Number(b?.id));
}

/** Everything that a reader of the file is told. */
function contents(path: string): string {
  const raw = new DatabaseSync(path, { readOnly: true });
  try {
    return JSON.stringify([
      raw.prepare('SELECT * FROM records ORDER BY id').all(),
      raw.prepare('SELECT * FROM heads ORDER BY writer').all(),
      raw.prepare('SELECT * FROM checkpoints ORDER BY id').all(),
    ]);
  } finally {
    raw.close();
  }
}
