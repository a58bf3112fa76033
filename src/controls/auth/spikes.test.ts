import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert } from '../../kernel/index.ts';
import { MAX_SPIKE_CLIENTS, SPIKE_REFUSALS, SPIKE_WINDOW_MS, SpikeWatch } from './spikes.ts';
import { ManualTime } from './testing/home.ts';

function setUp() {
  const time = new ManualTime();
  const raised: Alert[] = [];
  const watch = new SpikeWatch(time, { raise: (alert) => void raised.push(alert) });
  const refuse = (address: string, times: number, code = 'AUTH_TOKEN_INVALID') => {
    for (let i = 0; i < times; i++)
      watch.refused(code, { address, userAgent: 'x', surface: 'http' }, 'scanner/1');
  };
  return { time, raised, refuse };
}

test('auth/many refused requests of one client: told once per window, with address, client and codes', () => {
  const { time, raised, refuse } = setUp();
  refuse('192.0.2.7', SPIKE_REFUSALS - 1);
  assert.equal(raised.length, 0);
  refuse('192.0.2.7', 500, 'AUTH_RATE_LIMITED');
  assert.equal(raised.length, 1);
  assert.equal(raised[0]?.rule, 'auth.spike');
  assert.deepEqual(raised[0]?.data, {
    address: '192.0.2.7',
    userAgent: 'scanner/1',
    codes: { AUTH_TOKEN_INVALID: SPIKE_REFUSALS - 1, AUTH_RATE_LIMITED: 1 },
  });
  time.advance(SPIKE_WINDOW_MS);
  refuse('192.0.2.7', SPIKE_REFUSALS);
  assert.equal(raised.length, 2);
});

test('refusals of many clients, and a few of one over a long time, are no spike of one', () => {
  const { time, raised, refuse } = setUp();
  for (let i = 0; i < MAX_SPIKE_CLIENTS + 10; i++) refuse(`10.${i >> 8}.${i & 255}.1`, 2);
  for (let i = 0; i < 100; i++) {
    refuse('192.0.2.7', 1);
    time.advance(SPIKE_WINDOW_MS / 10);
  }
  assert.deepEqual(raised, []);
});
