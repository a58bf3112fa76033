import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert, LedgerEvent } from '../../kernel/index.ts';
import {
  createDenials,
  DENIAL_WINDOW_MS,
  DENIED_SPIKE,
  MAX_DENIALS,
  MAX_DENIALS_PER_PRINCIPAL,
  MAX_OVERFLOWING,
} from './denials.ts';

function world() {
  const events: LedgerEvent[] = [];
  const alerts: Alert[] = [];
  const lost: unknown[] = [];
  const state = { now: 1_000, broken: false, due: [] as (() => void)[], cancelled: 0 };
  const denials = createDenials({
    ledger: {
      append: async (event) => {
        if (state.broken) throw new Error('the disk is full');
        events.push(event);
        return { writer: 'test', seq: events.length, hash: '' };
      },
    },
    clock: { now: () => state.now, monotonic: () => state.now },
    setTimer: (ms, run) => {
      assert.equal(ms, DENIAL_WINDOW_MS);
      state.due.push(run);
      return () => (state.cancelled += 1);
    },
    alerts: { raise: (alert) => void alerts.push(alert) },
    onLost: (cause) => void lost.push(cause),
  });
  return { events, alerts, lost, state, denials };
}

function denial(operation: string, principal = 'p1', trace = 't'): LedgerEvent {
  return {
    type: 'decision',
    action: 'operation.call',
    outcome: 'deny',
    code: 'AUTH_SCOPE_MISSING',
    rule: 'principal:p1/otherwise',
    subject: { principal, credential: `token-of-${principal}` },
    trace,
    data: { operation, surface: 'http' },
  };
}

test('the first refusal is a record at once, its repeats are one record with first, last and count', async () => {
  const { events, state, denials } = world();
  await denials.record(denial('token.list', 'p1', 'a'));
  assert.deepEqual(events, [denial('token.list', 'p1', 'a')]);
  for (let n = 1; n <= 7; n++) {
    state.now = 1_000 + n;
    await denials.record(denial('token.list', 'p1', `b${n}`));
  }
  assert.equal(events.length, 1);
  for (const run of state.due) run();
  await denials.flush();
  assert.equal(events.length, 2);
  const { trace, data, ...same } = events[1] ?? denial('');
  assert.equal(trace, undefined);
  assert.equal(same.action, 'operation.call');
  assert.deepEqual(data, {
    operation: 'token.list',
    surface: 'http',
    repeats: 7,
    firstAt: 1_001,
    lastAt: 1_007,
    lastTrace: 'b7',
  });
  assert.equal(events[1]?.code, 'AUTH_SCOPE_MISSING');
  assert.deepEqual(events[1]?.subject, denial('token.list').subject);
});

test('another operation, principal, credential, agent, surface, code or rule is a refusal of its own', async () => {
  const { events, denials } = world();
  const one = denial('token.list');
  const others: LedgerEvent[] = [
    denial('token.issue'),
    denial('token.list', 'p2'),
    { ...one, subject: { principal: 'p1', credential: 'other' } },
    { ...one, subject: { principal: 'p1', credential: 'token-of-p1', agent: 'main' } },
    { ...one, data: { operation: 'token.list', surface: 'ws' } },
    { ...one, code: 'POLICY_DENIED' },
    { ...one, rule: 'plane:users/published' },
  ];
  for (const event of [one, ...others]) await denials.record(event);
  assert.deepEqual(events, [one, ...others]);
});

test('a long flood writes its count now and then, and every repeat is in exactly one record', async () => {
  const { events, denials } = world();
  const calls = 12_345;
  for (let n = 0; n < calls; n++) await denials.record(denial('token.list'));
  await denials.close();
  const counts = events.slice(1).map(({ data }) => data?.['repeats'] as number);
  assert.deepEqual(counts, [100, 1_000, 10_000, 1_244]);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 1),
    calls,
  );
});

test('one principal that makes up ever new refusals fills its own share only', async () => {
  const { events, denials } = world();
  const agents = MAX_DENIALS_PER_PRINCIPAL + 30;
  for (let n = 0; n < agents; n++)
    await denials.record({ ...denial('agent.run'), subject: { principal: 'p1', agent: `made-up-${n}` } });
  assert.equal(events.length, MAX_DENIALS_PER_PRINCIPAL);
  await denials.record(denial('token.list', 'p2'));
  assert.equal(events.length, MAX_DENIALS_PER_PRINCIPAL + 1);
  await denials.close();
  const last = events.at(-1);
  assert.equal(last?.subject?.principal, 'p1');
  assert.equal(last?.data?.['repeats'], 30);
  assert.deepEqual(last?.data?.['codes'], { AUTH_SCOPE_MISSING: 30 });
});

test('memory is bounded over all principals, and nobody beyond the bound is left uncounted', async () => {
  const { events, denials } = world();
  const beyond = MAX_OVERFLOWING + 5;
  for (let n = 0; n < MAX_DENIALS + beyond; n++) await denials.record(denial('token.list', `p${n}`));
  assert.equal(events.length, MAX_DENIALS);
  await denials.close();
  const summaries = events.slice(MAX_DENIALS);
  assert.equal(summaries.length, MAX_OVERFLOWING + 1);
  assert.deepEqual([summaries.at(-1)?.subject?.principal, summaries.at(-1)?.data?.['repeats']], ['*', 5]);
});

test('a first refusal that cannot be written fails, and the next one is the first again', async () => {
  const { events, lost, state, denials } = world();
  state.broken = true;
  await assert.rejects(denials.record(denial('token.list')), /disk is full/);
  state.broken = false;
  await denials.record(denial('token.list'));
  assert.equal(events.length, 1);
  await denials.record(denial('token.list'));
  state.broken = true;
  await denials.flush();
  assert.equal(lost.length, 1);
});

test('a principal that is refused again and again is named in an alert, once a window', async () => {
  const { alerts, denials } = world();
  for (let n = 0; n < DENIED_SPIKE - 1; n++) await denials.record(denial(`operation.${n % 3}`));
  assert.equal(alerts.length, 0);
  for (let n = 0; n < 50; n++) await denials.record(denial('token.list'));
  assert.deepEqual(
    alerts.map(({ rule, key }) => [rule, key]),
    [['auth.denied-spike', 'p1']],
  );
});

test('a window begins with its first refusal, and one timer stands for all', async () => {
  const { state, denials } = world();
  await denials.record(denial('a.b'));
  await denials.record(denial('a.c'));
  assert.equal(state.due.length, 1);
  await denials.flush();
  assert.equal(state.cancelled, 1);
  await denials.record(denial('a.b'));
  assert.equal(state.due.length, 2);
});
