import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { scratchLedger } from './testing/scratch.ts';
import { verifyLedgerFile } from './verify.ts';

const WRITER = fileURLToPath(new URL('testing/writer.ts', import.meta.url));
const ROUNDS = 6;

/** Let a process append until it has acknowledged so many records, then kill it; returns what it acknowledged. */
async function appendAndKill(path: string, enough: number): Promise<readonly number[]> {
  const child = spawn(process.execPath, [WRITER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > enough) child.kill('SIGKILL');
  });
  await once(child, 'close');
  // The last line may be cut off by the kill.
  return text.split('\n').slice(0, -1).map(Number);
}

describe('a ledger whose process dies', () => {
  it('has every acknowledged record after kill -9 at any moment, and its chain verifies and goes on', async () => {
    using scratch = scratchLedger();
    let last = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const acknowledged = await appendAndKill(scratch.path, round * 37);
      assert.ok(acknowledged.length >= round * 37);
      for (const seq of acknowledged) {
        assert.ok(seq > last, 'a number is given once');
        last = seq;
      }
      const report = await verifyLedgerFile({ path: scratch.path, publicKeys: {} });
      assert.deepEqual(report.problems, []);
      const head = report.writers[0]?.head ?? 0;
      assert.ok(head >= last, `record ${last} was acknowledged, but the last one is ${head}`);
      last = head;
    }
  });

  it('ledger/appends on a disk that is really full: refused, and every acknowledged record verifies', () => {
    using scratch = scratchLedger();
    const mount = join(scratch.folder, 'tiny');
    mkdirSync(mount);
    const check = `
      const { verifyLedgerFile } = await import(${JSON.stringify(new URL('verify.ts', import.meta.url).href)});
      const report = await verifyLedgerFile({ path: process.argv[1], publicKeys: {} });
      console.log(JSON.stringify(report));`;
    const shell = `mount -t tmpfs -o size=2m tmpfs "$1" &&
      "$2" "$3" "$1/ledger.db" 2000 && "$2" --input-type=module -e "$4" "$1/ledger.db"`;
    const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
    const lines = execFileSync(
      'unshare',
      [...asRoot, '-m', 'sh', '-c', shell, 'sh', mount, process.execPath, WRITER, check],
      { encoding: 'utf8' },
    )
      .trim()
      .split('\n');
    const report = JSON.parse(lines.pop() ?? '{}') as { ok: boolean; records: number };
    assert.equal(lines.pop(), 'LEDGER_WRITE_FAILED');
    assert.ok(lines.length > 100);
    assert.equal(report.ok, true);
    assert.equal(report.records, Math.max(...lines.map(Number)));
  });
});
