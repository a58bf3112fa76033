import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench, BINDING, PERSON, RUN, requestOf } from '../testing/approvals.ts';
import type { RunningApprovals } from './service.ts';
import { matchesPatternForm, patternOf, patternProblem } from './standing-pattern.ts';
import { MAX_STANDING_APPROVAL_MS } from './standings.ts';

const WISH = {
  name: 'push-topic',
  agent: 'main',
  pattern: 'git push origin *',
  reason: 'reviewed as requests',
};
const DAY_MS = 86_400_000;

function push(command: string, binding = BINDING) {
  return { ...requestOf({ ...binding, argv: ['/bin/sh', '-c', command] }), commands: [command] };
}

async function answered(
  approvals: RunningApprovals,
  command: string,
  how: 'allow-once' | 'deny' = 'allow-once',
) {
  const request = push(command);
  const { id } = await approvals.request(request);
  await approvals.resolve(id, how, PERSON);
  if (how === 'allow-once') await approvals.consume(id, request.binding);
}

test('approvals/a standing form for a shell, an interpreter, a wrapper, a stranger or too much: refused', async () => {
  using bench = new Bench();
  const { standings } = await bench.start();
  const wide = [
    [
      'sh',
      'sh *',
      'bash -c *',
      'python3 *',
      'node *',
      'env *',
      'timeout 5 *',
      'sudo *',
      'mytool x',
      'ssh host *',
    ],
    [
      'git',
      'git *',
      'git -C * push',
      'git config *',
      'git submodule update',
      'npm run *',
      'npm install *',
      'ls',
    ],
    ['* push', 'git push * * *', 'git push $x', "git push 'a b'", 'git push origin; ls', 'make', 'cat "a"'],
  ].flat();
  for (const pattern of wide) {
    await assert.rejects(
      standings.add({ ...WISH, pattern, forMs: DAY_MS }, PERSON),
      { code: 'APPROVAL_STANDING_TOO_WIDE' },
      pattern,
    );
  }
  await assert.rejects(standings.add({ ...WISH, forMs: DAY_MS }, RUN), {
    code: 'APPROVAL_APPROVER_NOT_ALLOWED',
  });
  assert.deepEqual(await standings.list(), []);
  assert.ok(!bench.ledger.events.some(({ action }) => action === 'standing.added'));
});

test('a standing approval answers commands of its form once each, and ends by time and by hand', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  await approvals.standings.add({ ...WISH, forMs: DAY_MS }, PERSON);
  await assert.rejects(approvals.standings.add({ ...WISH, forMs: 1 }, PERSON), {
    code: 'APPROVAL_STANDING_EXISTS',
  });
  const request = push('git push origin topic');
  const given = await approvals.standing(request);
  assert.deepEqual([given?.status, given?.resolvedBy], ['allowed', 'bob']);
  await approvals.consume(given?.id ?? '', request.binding);
  await assert.rejects(approvals.consume(given?.id ?? '', request.binding), { code: 'APPROVAL_CONSUMED' });
  assert.equal((await approvals.standings.find('push-topic'))?.used, 1);
  await approvals.standings.revoke('push-topic', PERSON);
  assert.equal(await approvals.standing(request), undefined);
  await approvals.standings.add({ ...WISH, name: 'again', forMs: DAY_MS }, PERSON);
  bench.time.advance(DAY_MS - 1);
  assert.notEqual(await approvals.standing(push('git push origin other')), undefined);
  bench.time.advance(1);
  assert.equal(await approvals.standing(push('git push origin third')), undefined);
});

test('approvals/what a standing form does not say: an option, a forced ref, one word more, another agent: refused', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  await approvals.standings.add({ ...WISH, forMs: 1_000 * DAY_MS }, PERSON);
  const made = await approvals.standings.find('push-topic');
  assert.equal(made?.expiresAt, bench.time.now() + MAX_STANDING_APPROVAL_MS);
  const others = [
    ['git push origin --force', 'git push origin +main', 'git push origin topic --force', 'git push origin'],
    ['git push other topic', "git push origin 'a b'", 'git push origin -d', 'git push origin $x'],
  ].flat();
  for (const command of others) assert.equal(await approvals.standing(push(command)), undefined, command);
  const elsewhere = push('git push origin topic', { ...BINDING, agent: 'other' });
  assert.equal(await approvals.standing(elsewhere), undefined);
  const both = { ...push('git push origin topic'), commands: ['git push origin topic', 'rm x'] };
  assert.equal(await approvals.standing(both), undefined);
  const two = { ...push('git push origin topic'), people: 2 };
  assert.equal(await approvals.standing(two), undefined);
});

test('suggestions come from what was asked often and always allowed, and are no wider than that', async () => {
  using bench = new Bench();
  const approvals = await bench.start();
  for (const branch of ['a', 'b', 'c', 'a']) await answered(approvals, `git push origin ${branch}`);
  for (const name of ['x', 'x', 'x']) await answered(approvals, `mkdir ${name}`);
  for (const name of ['x', 'y', 'x']) await answered(approvals, `rm ${name}`);
  for (const name of ['x', 'y', 'z']) await answered(approvals, `python3 ${name}`);
  for (const name of ['x', 'y', 'z'])
    await answered(approvals, `touch ${name}`, name === 'z' ? 'deny' : 'allow-once');
  const found = await approvals.standings.suggest(3);
  assert.deepEqual(
    found.map(({ pattern, asked }) => [pattern, asked]),
    [
      ['mkdir x', 3],
      ['git push origin *', 4],
    ],
  );
  bench.time.advance(31 * DAY_MS);
  assert.deepEqual(await approvals.standings.suggest(3), []);
});

test('a form is plain words, and a star is exactly one plain word', () => {
  assert.equal(patternProblem('git push origin *'), undefined);
  assert.equal(patternProblem('mkdir -p *'), undefined);
  assert.equal(matchesPatternForm('git push origin *', 'git push origin feature/x-1'), true);
  assert.equal(matchesPatternForm('git push origin *', 'git push origin'), false);
  assert.equal(patternOf(['rm a', 'rm b']), undefined);
  assert.equal(patternOf(['rm a', 'rm a']), 'rm a');
  assert.equal(patternOf(['mkdir a', 'mkdir -p b', 'mkdir c']), undefined);
});

test('approvals/ending a standing approval that does not exist: refused', async () => {
  using bench = new Bench();
  const { standings } = await bench.start();
  await assert.rejects(standings.revoke('nothing', PERSON), { code: 'APPROVAL_STANDING_NOT_FOUND' });
});
