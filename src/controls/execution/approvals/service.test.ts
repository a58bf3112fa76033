import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench, BINDING, PERSON, requestOf, TTL_MS } from '../testing/approvals.ts';
import type { ApprovalEvent } from '../types.ts';
import { bindingHash } from './binding.ts';
import { STANDING_MS } from './parts.ts';

const NEVER = new AbortController().signal;

test('a request is stored with everything it is bound to and is told to those who watch', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const seen: ApprovalEvent[] = [];
  approvals.subscribe((event) => seen.push(event));
  const record = await approvals.request(requestOf());
  assert.equal(record.status, 'pending');
  assert.deepEqual(record.binding, BINDING);
  assert.equal(record.bindingHash, bindingHash(BINDING));
  assert.equal(record.expiresAt, bench.time.at + TTL_MS);
  assert.deepEqual(seen, [{ type: 'requested', record }]);
  assert.deepEqual(bench.ledger.actions(), ['approval.requested']);
  assert.deepEqual(await approvals.get(record.id), record);
  assert.deepEqual(await approvals.list({ status: 'pending' }), [record]);
});

test('asking twice for the same thing finds the one that waits, also when both ask at once', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const [first, second] = await Promise.all([approvals.request(requestOf()), approvals.request(requestOf())]);
  assert.equal(first.id, second.id);
  assert.equal((await approvals.list()).length, 1);
});

test('an answer reaches the one who waits, and the approval is good for one run', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const { id } = await approvals.request(requestOf());
  const waiting = approvals.wait(id, NEVER);
  const resolved = await approvals.resolve(id, 'allow-once', PERSON);
  assert.equal(resolved.resolvedBy, 'bob');
  assert.deepEqual(await waiting, { kind: 'allowed', approvalId: id, decision: 'allow-once' });
  await approvals.consume(id, BINDING);
  assert.equal((await approvals.get(id))?.status, 'consumed');
  const actions = ['approval.requested', 'approval.resolved', 'approval.consumed'];
  assert.deepEqual(bench.ledger.actions(), actions);
  assert.deepEqual(
    bench.ledger.events.map(({ subject }) => subject?.principal),
    ['alice', 'bob', 'alice'],
  );
});

test('a denial, an expiry, a cancelled run and an ended wait each have their own outcome', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const denied = await approvals.request(requestOf());
  await approvals.resolve(denied.id, 'deny', PERSON);
  assert.equal((await approvals.wait(denied.id, NEVER)).kind, 'denied');

  const cancelled = await approvals.request(requestOf());
  const waiting = approvals.wait(cancelled.id, NEVER);
  await approvals.cancelForRun('r1');
  assert.equal((await waiting).kind, 'cancelled');

  const stopped = await approvals.request(requestOf());
  assert.equal((await approvals.wait(stopped.id, AbortSignal.abort())).kind, 'cancelled');
  assert.equal((await approvals.get(stopped.id))?.status, 'pending');
});

test('the same answer given again changes nothing', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const { id } = await approvals.request(requestOf());
  const first = await approvals.resolve(id, 'allow-once', PERSON);
  assert.deepEqual(await approvals.resolve(id, 'allow-once', { principal: 'carol' }), first);
  assert.equal(bench.ledger.actions().filter((action) => action === 'approval.resolved').length, 1);
});

test('a timer runs only while something can expire, and ends it to the millisecond', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  assert.equal(bench.time.waiting, 0);
  const { id } = await approvals.request(requestOf());
  assert.equal(bench.time.waiting, 1);
  const outcome = approvals.wait(id, NEVER);
  bench.time.advance(TTL_MS - 1);
  assert.equal((await approvals.get(id))?.status, 'pending');
  bench.time.advance(1);
  assert.deepEqual(await outcome, { kind: 'expired', approvalId: id });
  assert.equal(bench.ledger.events.at(-1)?.action, 'approval.expired');
  await approvals.list();
  assert.equal(bench.time.waiting, 0);
});

test('a request may ask for a shorter life than the service gives, never for a longer one', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const short = await approvals.request({ ...requestOf(), ttlMs: 5 });
  const long = await approvals.request({ ...requestOf({ ...BINDING, cwd: '/' }), ttlMs: TTL_MS * 2 });
  assert.equal(short.expiresAt - bench.time.at, 5);
  assert.equal(long.expiresAt - bench.time.at, TTL_MS);
});

test('what waits and what was allowed survive a restart', async () => {
  using bench = new Bench();
  const before = await bench.start();
  const pending = await before.request(requestOf());
  const allowed = await before.request(requestOf({ ...BINDING, cwd: '/other' }));
  await before.resolve(allowed.id, 'allow-once', PERSON);
  before[Symbol.dispose]();

  const after = await bench.start();
  assert.equal((await after.request(requestOf())).id, pending.id);
  const waiting = after.wait(pending.id, NEVER);
  await after.resolve(pending.id, 'allow-once', PERSON);
  assert.equal((await waiting).kind, 'allowed');
  assert.equal((await after.request(requestOf({ ...BINDING, cwd: '/other' }))).status, 'allowed');
  await after.consume(allowed.id, { ...BINDING, cwd: '/other' });
});

test('what expired while nothing ran ends at the next start', async () => {
  using bench = new Bench();
  const before = await bench.start();
  const { id } = await before.request(requestOf());
  before[Symbol.dispose]();
  bench.time.advance(TTL_MS);
  const after = await bench.start();
  assert.equal(bench.ledger.events.at(-1)?.action, 'approval.expired');
  assert.equal((await after.get(id))?.status, 'expired');
});

test('a standing approval gives one recorded approval per run until it ends', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  assert.equal(await approvals.standing(requestOf()), undefined);
  const { id } = await approvals.request(requestOf());
  await approvals.resolve(id, 'allow-always', PERSON);
  await approvals.consume(id, BINDING);
  for (let run = 0; run < 2; run += 1) {
    const again = await approvals.standing(requestOf());
    assert.equal(again?.status, 'allowed');
    assert.notEqual(again?.id, id);
    assert.equal(again?.resolvedBy, 'bob');
    await approvals.consume(again?.id ?? '', BINDING);
  }
  assert.equal(bench.ledger.actions().filter((action) => action === 'approval.standing-used').length, 2);
  bench.time.advance(STANDING_MS - 1);
  const last = await approvals.standing(requestOf());
  assert.equal(last?.expiresAt, bench.time.at + 1);
  bench.time.advance(1);
  assert.equal(await approvals.standing(requestOf()), undefined);
});

test('a later denial ends a standing approval', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const first = await approvals.request(requestOf());
  await approvals.resolve(first.id, 'allow-always', PERSON);
  await approvals.consume(first.id, BINDING);
  const second = await approvals.request(requestOf());
  await approvals.resolve(second.id, 'deny', PERSON);
  assert.equal(await approvals.standing(requestOf()), undefined);
});

test('a listener that fails neither hides the event from others nor stops the request', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  let told = 0;
  approvals.subscribe(() => {
    throw new Error('broken');
  });
  const end = approvals.subscribe(() => (told += 1));
  await approvals.request(requestOf());
  end();
  await approvals.request(requestOf({ ...BINDING, cwd: '/' }));
  assert.equal(told, 1);
  assert.equal(bench.logger.errors.length, 2);
});

test('bindings that differ anywhere have different hashes, and the order of keys is no difference', () => {
  const changes = [
    { tool: 'write' },
    { argv: ['/bin/sh', '-c', 'sh', 'build.sh'] },
    { cwd: '/workspace/' },
    { env: { LANG: 'C', X: '' } },
    { files: { '/workspace/build.sh': 'absent' } },
    { sandbox: '' },
    { agent: 'other' },
    { session: 's2' },
  ];
  const hashes = changes.map((change) => bindingHash({ ...BINDING, ...change }));
  assert.equal(new Set([bindingHash(BINDING), ...hashes]).size, changes.length + 1);
  const ordered = { ...BINDING, env: { A: '1', B: '2' } };
  assert.equal(bindingHash(ordered), bindingHash({ ...ordered, env: { B: '2', A: '1' } }));
});
