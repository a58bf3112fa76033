import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkExecution, UNUSED_DAYS } from './checks.ts';
import type { StandingApproval } from './types.ts';

const DAY_MS = 86_400_000;
const NOW = 100 * DAY_MS;
const STANDING: StandingApproval = {
  name: 'push',
  agent: 'main',
  pattern: 'git push origin *',
  reason: 'reviewed',
  createdAt: NOW,
  createdBy: 'bob',
  expiresAt: NOW + DAY_MS,
  revokedAt: null,
  revokedBy: null,
  used: 0,
  lastUsedAt: null,
};

function found(
  change: Partial<typeof STANDING> | { lastUsedAt: number } | { revokedAt: number },
): readonly string[] {
  return checkExecution({ standing: [{ ...STANDING, ...change }], now: NOW }).map(({ id }) => id);
}

test('a standing approval that nobody used for a month is reported, one day before it is not', () => {
  assert.deepEqual(found({ createdAt: NOW - UNUSED_DAYS * DAY_MS }), ['APPROVAL_STANDING_UNUSED']);
  assert.deepEqual(found({ createdAt: NOW - UNUSED_DAYS * DAY_MS + 1 }), []);
  assert.deepEqual(found({ createdAt: 0, lastUsedAt: NOW }), []);
});

test('a form that is too wide is reported, and what has ended is not', () => {
  assert.deepEqual(found({ pattern: 'sh *' }), ['APPROVAL_STANDING_TOO_WIDE']);
  assert.deepEqual(found({ pattern: 'sh *', expiresAt: NOW }), []);
  assert.deepEqual(found({ pattern: 'sh *', revokedAt: NOW }), []);
});
