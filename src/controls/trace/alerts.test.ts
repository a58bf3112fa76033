import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert, LedgerEvent } from '../../kernel/index.ts';
import { ALERT_REPEAT_MS, createAlerts, MAX_ALERT_KEYS } from './alerts.ts';

const SPIKE: Alert = {
  rule: 'auth.spike',
  code: 'AUTH_SPIKE_ADDRESS',
  severity: 'high',
  title: 'many refused logins from 192.0.2.7',
  fix: 'Look at who that is.',
  data: { address: '192.0.2.7' },
};

function setUp(append?: () => Promise<never>) {
  const events: LedgerEvent[] = [];
  const lines: string[] = [];
  const time = { now: 0 };
  const alerts = createAlerts({
    ledger: {
      append: async (event) => {
        if (append !== undefined) await append();
        events.push(event);
        return { writer: 'test', seq: events.length, hash: '' };
      },
      query: async () =>
        events.map((event, index) => ({
          ...event,
          writer: 'test',
          seq: index + 1,
          at: 1,
          prev: '',
          hash: '',
        })),
    },
    clock: { now: () => time.now, monotonic: () => time.now },
    logger: { info() {}, warn() {}, error: (message) => void lines.push(message) },
  });
  return { alerts, events, lines, time };
}

test('an alert is a record, a line of the log and a call of every subscriber, and can be listed', async () => {
  const { alerts, events, lines } = setUp();
  const heard: Alert[] = [];
  const stop = alerts.subscribe((alert) => heard.push(alert));
  alerts.raise(SPIKE);
  assert.deepEqual([events.length, lines, heard], [1, [SPIKE.title], [SPIKE]]);
  const [listed] = await alerts.list({});
  assert.deepEqual(listed, { ...SPIKE, writer: 'test', seq: 1, at: 1, repeats: 0 });
  stop();
  alerts.raise({ ...SPIKE, title: 'another' });
  assert.equal(heard.length, 1);
});

test('trace/the same alert again and again: told once per minute, with its count', async () => {
  const { alerts, events, time } = setUp();
  for (let i = 0; i < 500; i++) alerts.raise(SPIKE);
  time.now = ALERT_REPEAT_MS - 1;
  alerts.raise(SPIKE);
  assert.equal(events.length, 1);
  time.now = ALERT_REPEAT_MS;
  alerts.raise(SPIKE);
  assert.equal(events.length, 2);
  assert.equal(events[1]?.data?.['repeats'], 500);
});

test('what is remembered is bounded: the alert told first is told again', () => {
  const { alerts, events } = setUp();
  for (let i = 0; i <= MAX_ALERT_KEYS; i++) alerts.raise({ ...SPIKE, title: `number ${i}` });
  alerts.raise({ ...SPIKE, title: `number ${MAX_ALERT_KEYS}` });
  assert.equal(events.length, MAX_ALERT_KEYS + 1);
  alerts.raise({ ...SPIKE, title: 'number 0' });
  assert.equal(events.length, MAX_ALERT_KEYS + 2);
});

test('whoever raises an alert does not fail when the ledger or a subscriber does', async () => {
  const { alerts, lines } = setUp(() => Promise.reject(new Error('disk full')));
  alerts.subscribe(() => {
    throw new Error('no');
  });
  alerts.raise(SPIKE);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(lines, [
    SPIKE.title,
    'nobody could be told of an alert',
    'an alert could not be recorded',
  ]);
});
