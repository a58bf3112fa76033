import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BackupFacts, checkBackups } from './checks.ts';

const HOUR = 3_600_000;
const GOOD: BackupFacts = {
  recipients: 1,
  maxAgeHours: 24,
  last: { id: 'b1', at: 0 },
  failed: undefined,
  sameDisk: false,
  now: 24 * HOUR - 1,
};
const ids = (change: Partial<BackupFacts>) => checkBackups({ ...GOOD, ...change }).map(({ id }) => id);

test('a backup that is young enough and lies elsewhere is no finding; nothing to come back from is', () => {
  assert.deepEqual(ids({}), []);
  assert.deepEqual(ids({ now: 24 * HOUR }), ['BACKUP_TOO_OLD']);
  assert.deepEqual(ids({ last: undefined }), ['BACKUP_TOO_OLD']);
  assert.deepEqual(ids({ recipients: 0 }), ['BACKUP_NONE_CONFIGURED']);
  assert.deepEqual(ids({ failed: 'BACKUP_FAILED' }), ['BACKUP_LAST_FAILED']);
  assert.deepEqual(ids({ sameDisk: true }), ['BACKUP_SAME_DISK']);
});
