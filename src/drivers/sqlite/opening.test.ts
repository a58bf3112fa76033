import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('./connection.ts', import.meta.url));
const SCRIPT = `
  const { openConnection } = await import(process.argv[1]);
  const raw = openConnection(process.argv[2]);
  raw.exec('CREATE TABLE IF NOT EXISTS t (x)');
  raw.close();`;

const ROUNDS = 3;
const PROCESSES = 4;

test('processes that open a new file at the same moment all get it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-opening-'));
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const path = join(folder, `${round}.db`);
      const ends = Array.from({ length: PROCESSES }, async () => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, MODULE, path]);
        let output = '';
        child.stderr.on('data', (chunk) => (output += chunk));
        const [code] = await once(child, 'close');
        return { code, output };
      });
      for (const { code, output } of await Promise.all(ends)) assert.equal(code, 0, output);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
