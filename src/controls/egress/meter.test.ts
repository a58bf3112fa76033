import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageBook } from './meter.ts';
import { TestClock } from './testing/parts.ts';
import { DEFAULT_EGRESS_LIMITS, type EgressLimits } from './types.ts';

const DAY = 86_400_000;

function book(limits: Partial<EgressLimits>) {
  const clock = new TestClock();
  return { clock, book: new UsageBook(clock, () => ({ ...DEFAULT_EGRESS_LIMITS, ...limits })) };
}

test('runs of one agent share its connections: at the limit one more is refused until one ends', () => {
  const { book: usage } = book({ connectionsPerAgent: 2 });
  const [a, b, other] = [usage.run('main'), usage.run('main'), usage.run('other')];
  const release = a.connect();
  assert.equal(b.refusal(), undefined);
  b.connect();
  assert.equal(a.refusal(), 'EGRESS_LIMIT_CONNECTIONS');
  assert.equal(other.refusal(), undefined);
  release();
  release();
  assert.equal(a.refusal(), undefined);
});

test("an agent's bytes of one day end at the limit and not before, and come back the next day", () => {
  const { book: usage, clock } = book({ bytesPerAgentDay: 10 });
  const run = usage.run('main');
  assert.equal(run.move(10), true);
  assert.equal(run.move(1), false);
  assert.equal(run.over, 'EGRESS_LIMIT_DAY');
  assert.equal(usage.run('main').refusal(), 'EGRESS_LIMIT_DAY');
  assert.equal(usage.run('other').move(1), true);
  clock.offset = DAY;
  assert.equal(usage.run('main').refusal(), undefined);
});

test('egress/bytes of the day by setting the clock back: refused', () => {
  const { book: usage, clock } = book({ bytesPerAgentDay: 10 });
  const run = usage.run('main');
  run.move(11);
  clock.offset = -DAY;
  assert.equal(usage.run('main').refusal(), 'EGRESS_LIMIT_DAY');
  assert.equal(run.move(1), false);
});

test('the bytes of all agents together are a limit too', () => {
  const { book: usage } = book({ bytesPerDay: 10 });
  assert.equal(usage.run('a').move(6), true);
  assert.equal(usage.run('b').move(4), true);
  assert.equal(usage.run('c').move(1), false);
});

test('a run that used up its own bytes says so', () => {
  const { book: usage } = book({ bytesPerRun: 3 });
  const run = usage.run('main');
  assert.equal(run.move(3), true);
  assert.equal(run.move(1), false);
  assert.equal(run.over, 'EGRESS_LIMIT_BYTES');
});

test('egress/one byte more than a budget set aside for a run: refused, and no connection is opened for it', () => {
  const { book: usage } = book({});
  const run = usage.run('main', 10);
  assert.equal(run.move(10), true);
  assert.equal(run.refusal(), undefined);
  assert.equal(run.move(1), false);
  assert.deepEqual([run.over, run.refusal(), run.bytes], ['EGRESS_LIMIT_BUDGET', 'EGRESS_LIMIT_BUDGET', 11]);
  assert.equal(usage.run('main').refusal(), undefined, 'another run has its own');
});

test('what earlier processes moved today counts, what they moved before today does not', () => {
  const { book: usage, clock } = book({ bytesPerAgentDay: 10 });
  usage.seed('main', 100, clock.now() - DAY);
  assert.equal(usage.run('main').refusal(), undefined);
  usage.seed('main', 11, clock.now());
  assert.equal(usage.run('main').refusal(), 'EGRESS_LIMIT_DAY');
});
