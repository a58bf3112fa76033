import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAlerts } from '../../controls/trace/index.ts';
import type { Finding, LedgerEvent } from '../../kernel/index.ts';
import { LISTENER_WATCH_MS, watchListeners } from './listener-watch.ts';

function finding(found: string): Finding {
  return {
    id: 'listen.exposed',
    severity: 'critical',
    title: `gateway listens on ${found}, which nothing declares`,
    expected: '127.0.0.1:18789',
    found,
    fix: 'close it',
    requirements: ['L2'],
  };
}

function setUp() {
  const events: LedgerEvent[] = [];
  const errors: string[] = [];
  let findings: readonly Finding[] = [];
  let task: () => void = () => undefined;
  let interval = 0;
  const ledger = {
    append: async (event: LedgerEvent) => {
      events.push(event);
      return { writer: 'gateway', seq: events.length, hash: '' };
    },
    query: async () => [],
  };
  const logger = {
    info: () => undefined,
    warn: () => undefined,
    error: (message: string) => errors.push(message),
  };
  const clock = { now: () => 0, monotonic: () => 0 };
  const watch = watchListeners({
    measure: async () => findings,
    ledger,
    alerts: createAlerts({ ledger, clock, logger }),
    logger,
    every: (milliseconds, run) => {
      interval = milliseconds;
      task = run;
      return () => undefined;
    },
  });
  return {
    watch,
    events,
    errors,
    tick: () => task(),
    interval: () => interval,
    see: (next: readonly Finding[]) => {
      findings = next;
    },
  };
}

test('listen/a stray socket: alerted once, and recorded again when it is gone', async () => {
  const { watch, events, errors, see, interval } = setUp();
  assert.equal(interval(), LISTENER_WATCH_MS);
  await watch.check();
  assert.deepEqual(events, []);
  see([finding('0.0.0.0:9229')]);
  await watch.check();
  await watch.check();
  assert.deepEqual(
    events.map(({ type, action, code, outcome }) => [type, action, code, outcome]),
    [['alert', 'listener.drift', 'listen.exposed', 'failure']],
  );
  assert.equal(errors.length, 1);
  see([]);
  await watch.check();
  assert.deepEqual(
    events.slice(1).map(({ action }) => action),
    ['listener.restored'],
  );
});

test('two strays are two alerts, and a measurement that fails is logged and tried again', async () => {
  const { watch, events, see } = setUp();
  see([finding('0.0.0.0:9229'), finding('[::]:9229')]);
  await watch.check();
  assert.equal(events.length, 2);
});
