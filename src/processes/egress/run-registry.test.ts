import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { IDENTITY, startRunProxy } from '../../controls/egress/testing/parts.ts';
import { RunRegistry } from './run-registry.ts';

test('egress/more runs at once than may be open: refused at one past the limit, until one ends', async () => {
  await using proxy = await startRunProxy({ limits: { openRuns: 2 } });
  const folder = mkdtempSync(join(tmpdir(), 'gh-runs-'));
  const nothing = { extras: { env: {} } };
  const runs = new RunRegistry(
    folder,
    proxy.gate,
    () => undefined,
    async () => nothing,
  );
  try {
    const open = (run: string) => runs.open({ ...IDENTITY, run });
    await open('a');
    await open('b');
    await assert.rejects(open('c'), { code: 'EGRESS_LIMIT_RUNS' });
    assert.equal(readdirSync(folder).length, 2);
    await runs.close('a');
    await open('c');
  } finally {
    await runs.closeAll();
    rmSync(folder, { recursive: true, force: true });
  }
});
