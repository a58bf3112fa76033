import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCli, startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { ocsfProblems } from '../fixtures/ocsf/validator.ts';
import { allEnded, removeHome } from '../fixtures/processes.ts';

let gateway: TestGateway;
/** A machine without the install: it has the file and the public key. */
const elsewhere = temporaryHome();
const file = join(elsewhere, 'evidence.jsonl');
const key = join(elsewhere, 'key.pub');

before(async () => {
  gateway = await startGateway({ config: {} });
  for (const name of ['anna', 'bert']) await gateway.issueToken(name, ['operator.read']);
  copyFileSync(join(gateway.home, 'keys', 'ledger.pub'), key);
});

after(async () => {
  await gateway[Symbol.asyncDispose]();
  await removeHome(elsewhere);
});

interface Report {
  readonly ok: boolean;
  readonly records: number;
  readonly problems: readonly { readonly code: string; readonly writer: string; readonly seq: number }[];
}

async function verify(path: string, ...more: readonly string[]): Promise<{ code: number; report: Report }> {
  const { code, json, stderr } = await runCli(elsewhere, ['ledger', 'verify', path, ...more, '--json']);
  assert.notEqual(json, undefined, stderr);
  return { code, report: json as Report };
}

describe('evidence for an auditor', () => {
  test('is one file, for its account only, of events that the published schema takes', async () => {
    const { code, stdout, stderr } = await gateway.cli(['ledger', 'export', '--since', '1h', '--out', file]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Wrote \d+ records/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const [, ...events] = readFileSync(file, 'utf8').trimEnd().split('\n');
    for (const event of events.slice(0, -1)) assert.deepEqual(ocsfProblems(JSON.parse(event)), []);
  });

  test('is proven on a machine that has nothing of the install but the key', async () => {
    const { code, report } = await verify(file, '--key', key);
    assert.deepEqual([code, report.ok, report.problems], [0, true, []]);
    assert.ok(report.records > 5);
    const shown = await runCli(elsewhere, ['ledger', 'verify', file, '--key', key]);
    assert.match(shown.stdout, /Evidence from .* to .*\n.*The ledger is whole/);
  });

  test('trace/evidence with one word changed: refused, and named', async () => {
    const changed = join(elsewhere, 'changed.jsonl');
    const text = readFileSync(file, 'utf8');
    writeFileSync(changed, text.replace('"token.issue"', '"token.list"'));
    const { code, report } = await verify(changed, '--key', key);
    assert.deepEqual([code, report.ok], [1, false]);
    assert.ok(
      report.problems.every(({ code: found, writer }) => found === 'LEDGER_EDITED' && writer === 'gateway'),
    );
    rmSync(changed);
  });

  test('trace/evidence without a key that somebody trusts: refused', async () => {
    const { code, stderr } = await runCli(elsewhere, ['ledger', 'verify', file]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /--key names the public key that you trust/);
  });

  test('trace/a file without an end of its line: refused before it fills memory', async () => {
    const endless = join(elsewhere, 'endless.jsonl');
    writeFileSync(endless, Buffer.alloc(17 * 1024 ** 2, 'x'));
    const { code, stderr } = await runCli(elsewhere, ['ledger', 'verify', endless, '--key', key]);
    assert.equal(code, 1);
    assert.match(stderr, /LEDGER_EVIDENCE_INVALID/);
    rmSync(endless);
  });

  test('is not written over a file that is there', async () => {
    const before = readFileSync(file);
    const { code, stderr } = await gateway.cli(['ledger', 'export', '--out', file]);
    assert.notEqual(code, 0);
    assert.match(stderr, /is there already/);
    assert.deepEqual(readFileSync(file), before);
  });

  test('a cursor that nobody gave out is refused', async () => {
    const { code, stderr } = await gateway.cli(['ledger', 'evidence', '--cursor', 'bm9uc2Vuc2U']);
    assert.notEqual(code, 0);
    assert.match(stderr, /OP_INPUT_INVALID/);
  });

  test('a copy of the database is proven the same way', async () => {
    const copy = join(elsewhere, 'ledger.db');
    await gateway.stop();
    await allEnded(gateway.home);
    copyFileSync(join(gateway.home, 'state', 'ledger.db'), copy);
    copyFileSync(join(gateway.home, 'state', 'ledger.anchor'), join(elsewhere, 'ledger.anchor'));
    const { report } = await verify(copy, '--key', key, '--anchor', join(elsewhere, 'ledger.anchor'));
    assert.equal(report.ok, true);
  });

  test('what happened is found by who, what and any word in it', async () => {
    const search = async (...words: readonly string[]) => {
      const { json, stderr } = await gateway.cli(['ledger', 'search', ...words, '--json']);
      assert.notEqual(json, undefined, stderr);
      return (json as { records: { action: string }[] }).records;
    };
    assert.ok((await search('--principal', 'local', '--type', 'change')).length >= 2);
    assert.ok((await search('TOKEN.ISSUE')).length >= 2);
    assert.deepEqual(await search('no such word anywhere'), []);
    const { stdout } = await gateway.cli(['ledger', 'search', '--limit', '2']);
    assert.match(stdout, /Older ones: the same with --page \d+/);
  });
});
