import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert } from '../../../kernel/index.ts';
import { COOLDOWN_MS, KeyCache } from './key-cache.ts';

test('a provider whose keys cannot be read is an alert that names it, once per look', async () => {
  const alerts: Alert[] = [];
  let now = 1_000_000;
  const cache = new KeyCache(
    { issuer: 'https://id.example.org', jwksUri: 'https://id.example.org/jwks' },
    {
      fetch: async () => {
        throw new Error('nobody answers');
      },
      clock: { now: () => now, monotonic: () => now },
      alerts: { raise: (alert) => void alerts.push(alert) },
    },
  );
  for (let n = 0; n < 3; n++) await assert.rejects(cache.find('k1', 0), { code: 'AUTH_OIDC_UNAVAILABLE' });
  assert.deepEqual(
    alerts.map(({ rule, code, key }) => [rule, code, key]),
    [['auth.oidc-unavailable', 'AUTH_OIDC_UNAVAILABLE', 'https://id.example.org']],
  );
  now += COOLDOWN_MS;
  await assert.rejects(cache.find('k1', 0), { code: 'AUTH_OIDC_UNAVAILABLE' });
  assert.equal(alerts.length, 2);
});
