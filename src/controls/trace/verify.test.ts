import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { MAX_PROBLEMS } from './problems.ts';
import { event, hasCode, scratchLedger } from './testing/scratch.ts';
import type { VerifyReport } from './types.ts';
import { verifyLedgerFile } from './verify.ts';

/** A closed ledger of so many records, after somebody had its file. */
async function afterTampering(records: number, ...changes: readonly string[]): Promise<VerifyReport> {
  using scratch = scratchLedger();
  const ledger = scratch.open();
  await Promise.all(Array.from({ length: records }, (_, n) => ledger.append(event(n))));
  await ledger.close();
  scratch.raw.close();
  const raw = new DatabaseSync(scratch.path);
  raw.enableDefensive(false);
  for (const change of changes) raw.exec(change);
  raw.close();
  return await scratch.prove();
}

const places = ({ problems }: VerifyReport) =>
  problems.map(({ code, writer, seq }) => `${code} ${writer} ${seq}`);

describe('verification', () => {
  it('ledger/a view in place of the records: reported', async () => {
    const report = await afterTampering(
      3,
      'ALTER TABLE records RENAME TO hidden',
      "CREATE VIEW records AS SELECT * FROM hidden WHERE action <> 'tool.refused'",
    );
    assert.deepEqual(places(report), ['LEDGER_EDITED ledger 0']);
  });

  it('ledger/a trigger that drops what comes: reported', async () => {
    const report = await afterTampering(
      3,
      "CREATE TRIGGER quiet BEFORE INSERT ON records WHEN new.action = 'login.refused' BEGIN SELECT RAISE(IGNORE); END",
    );
    assert.deepEqual(places(report), ['LEDGER_EDITED ledger 0']);
  });

  it('ledger/a record added behind the marked end, with a right hash: reported', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await ledger.append(event(1));
    await ledger.close();
    scratch.raw.exec('CREATE TEMP TABLE kept AS SELECT * FROM heads');
    const forger = scratch.open({ sign: undefined });
    await forger.append(event(2));
    await forger.close();
    scratch.raw.exec('DELETE FROM heads; INSERT INTO heads SELECT * FROM kept');
    assert.deepEqual(places(await scratch.prove()), ['LEDGER_EDITED gateway 2']);
  });

  it('ledger/a record whose number cannot be read: reported, and the others are still proven', async () => {
    const report = await afterTampering(
      5,
      'UPDATE records SET at = 9223372036854775807 WHERE seq = 2',
      "UPDATE records SET action = 'x' WHERE seq = 4",
    );
    assert.deepEqual(places(report), ['LEDGER_UNREADABLE gateway 2', 'LEDGER_EDITED gateway 4']);
  });

  it('ledger/a range of dropped records: reported once, from its first to its last', async () => {
    const report = await afterTampering(9, 'DELETE FROM records WHERE seq BETWEEN 3 AND 6');
    assert.deepEqual(places(report), ['LEDGER_MISSING gateway 3']);
    assert.match(report.problems[0]?.message ?? '', /gateway 3, and all up to 6/);
  });

  it('lists problems up to its bound and counts the rest', async () => {
    const all = await afterTampering(MAX_PROBLEMS, "UPDATE records SET rule = 'x'");
    assert.equal(all.problems.length, MAX_PROBLEMS);
    assert.equal(all.problemsOmitted, 0);
    const more = await afterTampering(MAX_PROBLEMS + 1, "UPDATE records SET rule = 'x'");
    assert.equal(more.problems.length, MAX_PROBLEMS);
    assert.equal(more.problemsOmitted, 1);
  });

  it('ledger/a checkpoint of a key that was not given: reported', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await ledger.append(event(1));
    await ledger.close();
    const report = await verifyLedgerFile({ path: scratch.path, publicKeys: {} });
    assert.deepEqual(places(report), ['LEDGER_SIGNATURE_BAD checkpoint 1']);
    assert.equal(report.unsigned, 1);
  });

  it('ledger/a file that is missing, empty or something else: reported', async () => {
    using scratch = scratchLedger();
    const other = join(scratch.folder, 'other.db');
    for (const content of [undefined, '', 'no ledger '.repeat(500)]) {
      if (content !== undefined) writeFileSync(other, content);
      const report = await verifyLedgerFile({ path: other, publicKeys: {} });
      assert.equal(report.ok, false);
    }
  });

  it('ledger/a ledger of a newer version: refused', async () => {
    using scratch = scratchLedger();
    await scratch.open().close();
    scratch.raw.exec('PRAGMA user_version = 99');
    await assert.rejects(scratch.prove(), hasCode('LEDGER_NEWER'));
  });

  it('proves a ledger that is being written, as it was when verification began', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await Promise.all(Array.from({ length: 1500 }, (_, n) => ledger.append(event(n))));
    const verifying = ledger.verify();
    await Promise.all(Array.from({ length: 50 }, (_, n) => ledger.append(event(n))));
    const report = await verifying;
    assert.deepEqual(report.problems, []);
    assert.equal(report.records, 1500);
    await ledger.close();
  });

  it('ledger/an anchor that cannot be read: reported', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open({ anchorFile: undefined });
    await ledger.append(event(1));
    await ledger.close();
    mkdirSync(scratch.anchorFile);
    assert.deepEqual(places(await scratch.prove()), ['LEDGER_UNREADABLE anchor 0']);
  });

  it('changes nothing and needs no right to write, as on a read-only medium', async () => {
    using scratch = scratchLedger();
    const ledger = scratch.open();
    await ledger.append(event(1));
    await ledger.close();
    scratch.raw.close();
    const prove = `
      const { verifyLedgerFile } = await import(${JSON.stringify(new URL('verify.ts', import.meta.url).href)});
      console.log(JSON.stringify(await verifyLedgerFile({ path: process.argv[1], publicKeys: {} })));`;
    const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
    const shell =
      'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && "$2" --input-type=module -e "$3" "$4"';
    const out = execFileSync(
      'unshare',
      [...asRoot, '-m', 'sh', '-c', shell, 'sh', scratch.folder, process.execPath, prove, scratch.path],
      { encoding: 'utf8' },
    );
    const report = JSON.parse(out) as VerifyReport;
    assert.equal(report.records, 1);
    assert.deepEqual(places(report), ['LEDGER_SIGNATURE_BAD checkpoint 1']);
  });
});
