import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench, BINDING, PERSON, RUN, requestOf, TTL_MS } from '../testing/approvals.ts';
import { MAX_STANDING_MS } from './parts.ts';

const CAROL = { principal: 'carol' };

test('approvals/two people: one answer, the same person twice, and the requester: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start({ people: () => 2 });
  const { id } = await approvals.request(requestOf());
  const first = await approvals.resolve(id, 'allow-once', PERSON);
  assert.deepEqual([first.status, first.allowedBy, first.people], ['pending', ['bob'], 2]);
  await assert.rejects(approvals.consume(id, BINDING), { code: 'APPROVAL_PENDING' });
  const again = await approvals.resolve(id, 'allow-once', PERSON);
  assert.equal(again.status, 'pending');
  await assert.rejects(approvals.resolve(id, 'allow-once', { principal: 'alice' }), {
    code: 'APPROVAL_APPROVER_NOT_ALLOWED',
  });
  const second = await approvals.resolve(id, 'allow-once', CAROL);
  assert.deepEqual([second.status, second.allowedBy], ['allowed', ['bob', 'carol']]);
  await approvals.consume(id, BINDING);
  await assert.rejects(approvals.consume(id, BINDING), { code: 'APPROVAL_CONSUMED' });
  const actions = bench.ledger.events.map(({ action }) => action);
  assert.deepEqual(
    actions.filter((action) => /allowed-by-one|resolved|consumed/.test(action)),
    ['approval.allowed-by-one', 'approval.resolved', 'approval.consumed'],
  );
});

test('approvals/two people, of whom one denies, or the second comes too late: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const denied = await approvals.request({ ...requestOf(), people: 2 });
  await approvals.resolve(denied.id, 'allow-once', PERSON);
  assert.equal((await approvals.resolve(denied.id, 'deny', CAROL)).status, 'denied');
  const late = await approvals.request({ ...requestOf(), people: 2 });
  await approvals.resolve(late.id, 'allow-once', PERSON);
  bench.time.advance(TTL_MS);
  await assert.rejects(approvals.resolve(late.id, 'allow-once', CAROL), { code: 'APPROVAL_EXPIRED' });
});

test('an answer for a time stands that long and not longer, and never longer than a week', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const { id } = await approvals.request(requestOf());
  await approvals.resolve(id, { decision: 'allow-always', forMs: 5_000 }, PERSON);
  await approvals.consume(id, BINDING);
  bench.time.advance(4_999);
  const again = await approvals.standing(requestOf());
  assert.equal(again?.status, 'allowed');
  await approvals.consume(again?.id ?? '', BINDING);
  bench.time.advance(1);
  assert.equal(await approvals.standing(requestOf()), undefined);
  const long = await approvals.request(requestOf());
  const answer = { decision: 'allow-always', forMs: 10 * MAX_STANDING_MS } as const;
  const { standingUntil } = await approvals.resolve(long.id, answer, PERSON);
  assert.equal(standingUntil, bench.time.now() + MAX_STANDING_MS);
});

test('approvals/one that expired while it ran gives no second run: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const { id } = await approvals.request(requestOf());
  await approvals.resolve(id, 'allow-once', PERSON);
  await approvals.consume(id, BINDING);
  bench.time.advance(TTL_MS + 1);
  await approvals.expireDue();
  assert.equal((await approvals.get(id))?.status, 'consumed');
  await assert.rejects(approvals.consume(id, BINDING), { code: 'APPROVAL_CONSUMED' });
  await assert.rejects(approvals.resolve(id, 'deny', PERSON), { code: 'APPROVAL_ALREADY_RESOLVED' });
});

test('a batch is answered together, and each of it is bound and consumed by itself', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const other = { ...BINDING, argv: ['/bin/sh', '-c', 'other'] };
  const first = await approvals.request({ ...requestOf(), batch: 'b1' });
  const second = await approvals.request({ ...requestOf(other), batch: 'b1' });
  const alone = await approvals.request(requestOf({ ...BINDING, cwd: '/tmp' }));
  const answered = await approvals.resolveBatch('b1', 'allow-once', PERSON);
  assert.deepEqual(new Set(answered.map(({ id }) => id)), new Set([first.id, second.id]));
  assert.ok(answered.every(({ status }) => status === 'allowed'));
  assert.equal((await approvals.get(alone.id))?.status, 'pending');
  await assert.rejects(approvals.consume(first.id, other), { code: 'APPROVAL_CHANGED' });
  await approvals.consume(first.id, BINDING);
  await assert.rejects(approvals.consume(first.id, BINDING), { code: 'APPROVAL_CONSUMED' });
  await approvals.consume(second.id, other);
});

test('approvals/a batch answered by a run: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const { id } = await approvals.request({ ...requestOf(), batch: 'b1' });
  await assert.rejects(approvals.resolveBatch('b1', 'allow-once', RUN), {
    code: 'APPROVAL_APPROVER_NOT_ALLOWED',
  });
  assert.equal((await approvals.get(id))?.status, 'pending');
});
