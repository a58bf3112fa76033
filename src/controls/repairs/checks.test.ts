import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHome } from './checks.ts';
import type { HomeFacts } from './types.ts';

const MIB = 1024 * 1024;
const MINUTE = 60_000;
const GOOD: HomeFacts = {
  uid: 7,
  home: '/home/g',
  folders: [],
  missing: [],
  entries: [{ path: 'state', kind: 'folder', mode: 0o40700, uid: 7, changedAt: 0 }],
  truncated: false,
  bound: new Set(),
  disk: { free: 1024 * MIB, total: 4096 * MIB },
  grants: { all: [], ended: [] },
  newestRecord: 5 * MINUTE,
  now: 0,
};
const of = (change: Partial<HomeFacts>) =>
  checkHome({ ...GOOD, ...change }).map(({ id, severity }) => [id, severity]);

test('a disk with room and a clock that goes on are no finding; a full disk and a clock behind the record are', () => {
  assert.deepEqual(of({}), []);
  assert.deepEqual(of({ disk: { free: 1024 * MIB - 1, total: 1 } }), [['HOME_DISK_LOW', 'warning']]);
  assert.deepEqual(of({ disk: { free: 128 * MIB - 1, total: 1 } }), [['HOME_DISK_LOW', 'high']]);
  assert.deepEqual(of({ newestRecord: 5 * MINUTE + 1 }), [['CLOCK_BEHIND', 'high']]);
});

test('a file of another account in the home is a finding', () => {
  const entries = [{ path: 'keys/x', kind: 'file', mode: 0o600, uid: 8, changedAt: 0 }] as const;
  assert.deepEqual(of({ entries }), [['HOME_NOT_OURS', 'high']]);
});
