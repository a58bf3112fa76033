import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextRun, Scheduler } from './schedule.ts';

const HOUR = 3_600_000;
const at = (text: string) => Date.parse(`2026-03-10T${text}Z`);

test('every so many hours after the last scheduled run, and at once when there was none', () => {
  const schedule = { everyHours: 6 };
  assert.equal(nextRun(schedule, { last: at('01:00'), since: at('02:00'), now: at('03:00') }), at('07:00'));
  assert.equal(nextRun(schedule, { last: undefined, since: at('02:00'), now: at('03:00') }), at('02:00'));
});

test('daily: due once per day, also when the gateway was down at that time', () => {
  const schedule = { dailyAt: '03:30' };
  const since = at('00:00');
  assert.equal(nextRun(schedule, { last: undefined, since, now: at('03:00') }), at('03:30'));
  assert.equal(nextRun(schedule, { last: undefined, since, now: at('03:31') }), at('03:30'));
  assert.equal(nextRun(schedule, { last: at('03:30'), since, now: at('04:00') }), at('03:30') + 24 * HOUR);
  assert.equal(
    nextRun(schedule, { last: at('03:30') - 24 * HOUR, since: at('05:00'), now: at('05:00') }),
    at('03:30'),
  );
});

test('a gateway that starts after the time of day does not run for a day that it was not there for', () => {
  const due = nextRun({ dailyAt: '03:30' }, { last: undefined, since: at('05:00'), now: at('05:01') });
  assert.equal(due, at('03:30') + 24 * HOUR);
});

test('without a time nothing is due', () => {
  assert.equal(nextRun({}, { last: undefined, since: 0, now: 1 }), undefined);
});

test('the scheduler runs when it is due, and goes on looking', async () => {
  const timers: (() => void)[] = [];
  let ran = 0;
  let last: number | undefined;
  const looked = Promise.withResolvers<void>();
  const scheduler = new Scheduler({
    what: 'test',
    schedule: () => ({ everyHours: 1 }),
    last: async () => last,
    run: async () => {
      ran += 1;
      last = 10 * HOUR;
    },
    clock: { now: () => 10 * HOUR },
    logger: { info() {}, warn() {}, error() {} },
    setTimer: (_ms, run) => {
      timers.push(run);
      if (timers.length === 3) looked.resolve();
      return () => undefined;
    },
  });
  scheduler.start();
  timers[0]?.();
  while (timers.length < 2) await Promise.resolve();
  timers[1]?.();
  await looked.promise;
  assert.equal(ran, 1);
  scheduler.stop();
});
