import assert from 'node:assert/strict';
import { chmodSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { applyToFiles, undoOnFiles } from './steps.ts';

test('doctor/a repair or its undo on a further name of a file elsewhere: refused', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-repairs-'));
  try {
    const theirs = join(folder, 'theirs');
    const path = join(folder, 'state.db');
    const step = { kind: 'mode', path, from: 0o644, to: 0o600 } as const;
    writeFileSync(theirs, '');
    linkSync(theirs, path);
    for (const [before, attempt] of [
      [0o644, () => assert.throws(() => applyToFiles(step, folder))],
      [0o600, () => assert.notEqual(undoOnFiles(step, folder), '')],
    ] as const) {
      chmodSync(theirs, before);
      attempt();
      assert.equal(statSync(theirs).mode & 0o777, before);
    }
    rmSync(theirs);
    assert.equal(undoOnFiles(step, folder), '');
    assert.equal(statSync(path).mode & 0o777, 0o644);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
