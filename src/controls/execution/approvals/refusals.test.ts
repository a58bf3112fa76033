import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bindingFiles } from '../files/digest.ts';
import { namedFiles } from '../files/named.ts';
import { Bench, BINDING, PERSON, RUN, requestOf, TTL_MS } from '../testing/approvals.ts';
import type { ApprovalBinding, ApprovalDecision } from '../types.ts';
import { STANDING_MS } from './parts.ts';
import { MAX_LISTED_APPROVALS, MAX_PENDING_PER_SESSION, type RunningApprovals } from './service.ts';

async function allowed(approvals: RunningApprovals, binding: ApprovalBinding = BINDING): Promise<string> {
  const { id } = await approvals.request(requestOf(binding));
  await approvals.resolve(id, 'allow-once', PERSON);
  return id;
}

test('approvals/arguments, directory, environment, files, sandbox or session changed after the yes: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const id = await allowed(approvals);
  const changes: readonly Partial<ApprovalBinding>[] = [
    { argv: ['/bin/sh', '-c', 'sh build.sh; rm x'] },
    { cwd: '/elsewhere' },
    { env: { LANG: 'C', LD_PRELOAD: '/workspace/x.so' } },
    { files: { '/workspace/build.sh': 'c'.repeat(64) } },
    { files: {} },
    { sandbox: 'other' },
    { session: 's2' },
    { agent: 'other' },
    { tool: 'write' },
  ];
  for (const change of changes) {
    await assert.rejects(approvals.consume(id, { ...BINDING, ...change }), { code: 'APPROVAL_CHANGED' });
  }
  assert.deepEqual(new Set(bench.ledger.codes()), new Set(['APPROVAL_CHANGED']));
  assert.equal((await approvals.get(id))?.status, 'allowed');
  await approvals.consume(id, BINDING);
});

test('approvals/a script replaced on disk between approval and run: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const workspace = await realpath(await mkdtemp(join(tmpdir(), 'gatehouse-script-')));
  try {
    const mounts = [{ source: workspace, target: '/workspace', mode: 'rw' }] as const;
    const measure = async (): Promise<ApprovalBinding> => ({
      ...BINDING,
      files: await bindingFiles(namedFiles('sh build.sh', '/workspace'), mounts),
    });
    await writeFile(join(workspace, 'build.sh'), 'echo harmless');
    const id = await allowed(approvals, await measure());
    await writeFile(join(workspace, 'build.sh'), 'rm -rf /');
    await assert.rejects(approvals.consume(id, await measure()), { code: 'APPROVAL_CHANGED' });
    assert.deepEqual(bench.ledger.codes(), ['APPROVAL_CHANGED']);
  } finally {
    await rm(workspace, { recursive: true });
  }
});

test('approvals/the same approval used twice, also at the same moment: refused', async () => {
  using bench = new Bench();
  const [one, two] = [await bench.start(), await bench.start()];
  const id = await allowed(one);
  const tries = await Promise.allSettled([
    one.consume(id, BINDING),
    two.consume(id, BINDING),
    one.consume(id, BINDING),
  ]);
  assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const attempt of tries) {
    if (attempt.status === 'rejected') assert.equal(attempt.reason.code, 'APPROVAL_CONSUMED');
  }
  assert.deepEqual(bench.ledger.codes(), ['APPROVAL_CONSUMED', 'APPROVAL_CONSUMED']);
  assert.equal(bench.ledger.actions().filter((action) => action === 'approval.consumed').length, 1);
});

test('approvals/an approval used before a crash, again after the restart: refused', async () => {
  using bench = new Bench();
  const before = await bench.start();
  const id = await allowed(before);
  await before.consume(id, BINDING);
  before[Symbol.dispose]();
  const after = await bench.start();
  await assert.rejects(after.consume(id, BINDING), { code: 'APPROVAL_CONSUMED' });
  assert.deepEqual(bench.ledger.codes(), ['APPROVAL_CONSUMED']);
  assert.equal((await after.request(requestOf())).status, 'pending');
});

test('approvals/one that expired: refused from its very millisecond, and taken one before', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const inTime = await allowed(approvals);
  const late = await allowed(approvals, { ...BINDING, cwd: '/late' });
  const unanswered = await approvals.request(requestOf({ ...BINDING, cwd: '/unanswered' }));
  bench.time.advance(TTL_MS - 1);
  await approvals.consume(inTime, BINDING);
  bench.time.advance(1);
  await assert.rejects(approvals.consume(late, { ...BINDING, cwd: '/late' }), { code: 'APPROVAL_EXPIRED' });
  await assert.rejects(approvals.resolve(unanswered.id, 'allow-once', PERSON), { code: 'APPROVAL_EXPIRED' });
  assert.deepEqual(bench.ledger.codes(), ['APPROVAL_EXPIRED', 'APPROVAL_EXPIRED']);
  assert.equal((await approvals.get(unanswered.id))?.status, 'expired');
});

test('approvals/one that is pending, denied, cancelled or made up: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const { id } = await approvals.request(requestOf());
  await assert.rejects(approvals.consume(id, BINDING), { code: 'APPROVAL_PENDING' });
  await approvals.resolve(id, 'deny', PERSON);
  await assert.rejects(approvals.consume(id, BINDING), { code: 'APPROVAL_DENIED' });
  const cancelled = await allowed(approvals);
  await approvals.cancelForRun('r1');
  await assert.rejects(approvals.consume(cancelled, BINDING), { code: 'APPROVAL_CANCELLED' });
  await assert.rejects(approvals.resolve(cancelled, 'allow-once', PERSON), { code: 'APPROVAL_CANCELLED' });
  await assert.rejects(approvals.consume('made-up', BINDING), { code: 'APPROVAL_NOT_FOUND' });
  await assert.rejects(approvals.resolve('made-up', 'allow-once', PERSON), { code: 'APPROVAL_NOT_FOUND' });
  await assert.rejects(approvals.wait('made-up', AbortSignal.timeout(5_000)), { code: 'APPROVAL_NOT_FOUND' });
  assert.deepEqual(bench.ledger.codes(), [
    'APPROVAL_PENDING',
    'APPROVAL_DENIED',
    'APPROVAL_CANCELLED',
    'APPROVAL_CANCELLED',
    'APPROVAL_NOT_FOUND',
    'APPROVAL_NOT_FOUND',
  ]);
});

test('approvals/an answer by the run, its agent, its tool or nobody: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const { id } = await approvals.request(requestOf());
  const approvers = [
    RUN,
    { principal: 'bob', run: 'r2' },
    { principal: 'bob', agent: 'main' },
    { principal: 'bob', tool: 'shell' },
    { principal: 'agent:main' },
    { principal: 'run:r1' },
    { principal: '' },
  ];
  for (const approver of approvers) {
    const answer = approvals.resolve(id, 'allow-once', approver);
    await assert.rejects(answer, { code: 'APPROVAL_APPROVER_NOT_ALLOWED' });
  }
  assert.equal(bench.ledger.codes().length, approvers.length);
  assert.equal((await approvals.get(id))?.status, 'pending');
});

test('approvals/the requester answering where two people are needed: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start({ separateApprover: true });
  const { id } = await approvals.request(requestOf());
  const own = approvals.resolve(id, 'allow-once', { principal: 'alice' });
  await assert.rejects(own, { code: 'APPROVAL_APPROVER_NOT_ALLOWED' });
  assert.deepEqual(bench.ledger.codes(), ['APPROVAL_APPROVER_NOT_ALLOWED']);
  assert.equal((await approvals.resolve(id, 'allow-once', PERSON)).status, 'allowed');
});

test('approvals/a second, different answer or one that is no answer: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const { id } = await approvals.request(requestOf());
  const nonsense = approvals.resolve(id, 'yes' as ApprovalDecision, PERSON);
  await assert.rejects(nonsense, { code: 'APPROVAL_DECISION_UNKNOWN' });
  await approvals.resolve(id, 'deny', PERSON);
  for (const decision of ['allow-once', 'allow-always'] as const) {
    await assert.rejects(approvals.resolve(id, decision, PERSON), { code: 'APPROVAL_ALREADY_RESOLVED' });
  }
  assert.deepEqual(bench.ledger.codes(), ['APPROVAL_ALREADY_RESOLVED', 'APPROVAL_ALREADY_RESOLVED']);
  assert.equal((await approvals.get(id))?.status, 'denied');
});

test('approvals/two different answers at the same moment: the second is refused', async () => {
  using bench = new Bench();
  const [one, two] = [await bench.start(), await bench.start()];
  const { id } = await one.request(requestOf());
  const answers = await Promise.allSettled([
    one.resolve(id, 'allow-once', PERSON),
    two.resolve(id, 'deny', { principal: 'carol' }),
  ]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.deepEqual(bench.ledger.codes(), ['APPROVAL_ALREADY_RESOLVED']);
});

test('approvals/always allowed, but for other arguments, files, place, environment, session or agent: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const { id } = await approvals.request(requestOf());
  await approvals.resolve(id, 'allow-always', PERSON);
  await approvals.consume(id, BINDING);
  const changes: readonly Partial<ApprovalBinding>[] = [
    { argv: ['/bin/sh', '-c', 'sh other.sh'] },
    { argv: ['/bin/sh', '-c', 'sh build.sh | sh'] },
    { files: { '/workspace/build.sh': 'c'.repeat(64) } },
    { cwd: '/' },
    { env: {} },
    { sandbox: 'wider' },
    { session: 's2' },
    { agent: 'other' },
  ];
  for (const change of changes)
    assert.equal(await approvals.standing(requestOf({ ...BINDING, ...change })), undefined);
  assert.ok(!bench.ledger.actions().includes('approval.standing-used'));
  bench.time.advance(STANDING_MS);
  assert.equal(await approvals.standing(requestOf()), undefined);
});

test('approvals/a command that hides characters from the one who answers: refused to stay hidden or be cut', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const commandText = `echo \u202e${'x'.repeat(10_000)}; rm -rf /\u200b`;
  const { commandText: shown } = await approvals.request({ ...requestOf(), commandText });
  assert.equal(shown, `echo \u27e8U+202E\u27e9${'x'.repeat(10_000)}; rm -rf /\u27e8U+200B\u27e9`);
});

test('approvals/a step whose record cannot be written: refused, and nothing may run', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const events: string[] = [];
  approvals.subscribe(({ type }) => events.push(type));
  bench.ledger.fail.add('approval.requested');
  await assert.rejects(approvals.request(requestOf()), /disk full/);
  assert.deepEqual(await approvals.list({ status: 'pending' }), []);
  assert.deepEqual(events, []);

  bench.ledger.fail.clear();
  const { id } = await approvals.request(requestOf());
  bench.ledger.fail.add('approval.resolved');
  await assert.rejects(approvals.resolve(id, 'allow-always', PERSON), /disk full/);
  assert.equal((await approvals.get(id))?.status, 'pending');
  assert.equal(await approvals.standing(requestOf()), undefined);

  bench.ledger.fail.clear();
  await approvals.resolve(id, 'allow-always', PERSON);
  bench.ledger.fail.add('approval.consumed').add('approval.standing-used');
  await assert.rejects(approvals.consume(id, BINDING), /disk full/);
  await assert.rejects(approvals.consume(id, BINDING), { code: 'APPROVAL_CONSUMED' });
  await assert.rejects(approvals.standing(requestOf()), /disk full/);
});

test('approvals/a flood of questions from one session: refused past the bound, taken at it', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const ask = (index: number, session = 's1'): Promise<unknown> =>
    approvals.request(requestOf({ ...BINDING, session, cwd: `/${index}` }));
  for (let index = 0; index < MAX_PENDING_PER_SESSION; index += 1) await ask(index);
  await assert.rejects(ask(MAX_PENDING_PER_SESSION), { code: 'APPROVAL_TOO_MANY' });
  await ask(0, 's2');
  assert.deepEqual(bench.ledger.codes(), ['APPROVAL_TOO_MANY']);
  assert.equal(
    (await approvals.list({ limit: MAX_LISTED_APPROVALS + 1 })).length,
    MAX_PENDING_PER_SESSION + 1,
  );
});

test('approvals/waiting on a service that shuts down: refused, and the question stays', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  const { id } = await approvals.request(requestOf());
  const waiting = approvals.wait(id, new AbortController().signal);
  approvals[Symbol.dispose]();
  await assert.rejects(waiting, { code: 'APPROVAL_CLOSED' });
  assert.equal((await (await bench.start()).get(id))?.status, 'pending');
});
