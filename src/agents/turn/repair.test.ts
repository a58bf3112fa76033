import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Sandbox } from '../../kernel/index.ts';
import { harness } from '../testing/harness.ts';
import { asks, fakeModel } from '../testing/model.ts';

const MAIN = ['operator', 'agent:main:main'] as const;

/** A sandbox that does not come back before the test is over, as when the process is killed in the middle. */
function stuck(real: Sandbox): Sandbox {
  return {
    ...real,
    run: (_spec, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  };
}

test('a turn that was cut off while a tool ran is closed, and the tool is not run again', async () => {
  const model = fakeModel('fake', asks('write', { path: 'x', content: 'x' }));
  await using h = await harness({ providers: [model], sandbox: stuck });
  const handle = await h.start('write');
  await h.next('tool.started');
  const next = h.restart([fakeModel('fake')]);
  assert.deepEqual(await next.repair(), { interrupted: [handle.runId], resumed: [] });
  const session = await h.sessions.find(...MAIN);
  assert.equal(session?.status, 'interrupted');
  assert.equal(session?.activeRunId, null);
  const rows = await h.sessions.history(session?.sessionId ?? '');
  const result = rows.find((row) => row.role === 'toolResult');
  assert.equal(
    result?.role === 'toolResult' && result.content,
    'The outcome is unknown: interrupted; not run again.',
  );
  assert.equal(rows.at(-1)?.role, 'assistant');
  assert.equal(h.ledger.of('turn.interrupted').length, 1);
  const outcome = await next.wait(handle.runId, 0);
  assert.equal(outcome?.status === 'error' && outcome.code, 'TURN_INTERRUPTED');
  assert.equal(next.spaceOf(handle.runId), 'operator');
  assert.equal(existsSync(join(h.workspace, 'x')), false);
  assert.deepEqual(await next.repair(), { interrupted: [], resumed: [] });
});

test('a turn that waited for an approval goes on after a restart and runs the command once', async () => {
  const calls = [
    { name: 'shell', arguments: { command: 'echo before' } },
    { name: 'shell', arguments: { command: 'touch made' } },
  ];
  await using h = await harness({ providers: [fakeModel('fake', { calls })] });
  const handle = await h.start('make it');
  const asked = await h.next('tool.approval');
  await h.turns.drain(0);
  const suspended = await handle.done;
  assert.equal(suspended.status === 'error' && suspended.code, 'TURN_SUSPENDED');
  assert.equal((await h.sessions.find(...MAIN))?.status, 'waiting');
  await assert.rejects(h.start('more'), { code: 'TURN_DRAINING' });

  const model = fakeModel('fake', { text: 'made it' });
  const next = h.restart([model]);
  assert.deepEqual(await next.repair(), { interrupted: [], resumed: [handle.runId] });
  await h.approvals.resolve(asked.approvalId, 'allow-once', { principal: 'operator' });
  const outcome = await next.wait(handle.runId, 10_000);
  assert.equal(outcome?.status === 'ok' && outcome.text, 'made it');
  assert.equal(existsSync(join(h.workspace, 'made')), true);
  const commands = h.runs.map((run) => run.argv.at(-1));
  assert.deepEqual(commands, ['echo before', 'touch made']);
  assert.equal((await h.approvals.list()).length, 1);
});

test('an approval that was given while nothing ran is used by the next start', async () => {
  await using h = await harness({ providers: [fakeModel('fake', asks('shell', { command: 'touch made' }))] });
  const handle = await h.start('make it');
  const asked = await h.next('tool.approval');
  await h.turns.drain(0);
  await h.approvals.resolve(asked.approvalId, 'allow-once', { principal: 'operator' });
  const next = h.restart([fakeModel('fake', { text: 'made it' })]);
  await next.repair();
  assert.equal((await next.wait(handle.runId, 10_000))?.status, 'ok');
  assert.equal(existsSync(join(h.workspace, 'made')), true);
});

test('auth/a waiting turn whose principal has no rights left: closed, not continued', async () => {
  await using h = await harness({
    providers: [fakeModel('fake', asks('shell', { command: 'touch made' }))],
    rightsOf: () => undefined,
  });
  const handle = await h.start('make it');
  const asked = await h.next('tool.approval');
  await h.turns.drain(0);
  const next = h.restart([fakeModel('fake')]);
  assert.deepEqual(await next.repair(), { interrupted: [handle.runId], resumed: [] });
  assert.equal((await h.approvals.get(asked.approvalId))?.status, 'cancelled');
  assert.equal(h.runs.length, 0);
});

test('a queued message is answered after a restart', async () => {
  await using h = await harness({ providers: [fakeModel('fake', { hangs: true })] });
  const first = await h.start('one');
  const second = await h.start('two');
  const next = h.restart([fakeModel('fake', { text: 'answer to two' })]);
  assert.deepEqual(await next.repair(), { interrupted: [first.runId], resumed: [second.runId] });
  const outcome = await next.wait(second.runId, 10_000);
  assert.equal(outcome?.status === 'ok' && outcome.text, 'answer to two');
});

test('a drain lets running turns finish, and marks what is left as interrupted', async () => {
  const gate = Promise.withResolvers<void>();
  const model = fakeModel('fake', { text: 'in time', until: gate.promise });
  await using h = await harness({ providers: [model] });
  const quick = await h.start('quick');
  const drained = h.turns.drain(10_000);
  gate.resolve();
  await drained;
  assert.equal((await quick.done).status, 'ok');

  await using other = await harness({ providers: [fakeModel('fake', { text: 'half', hangs: true })] });
  const slow = await other.start('slow');
  await other.next('text');
  await other.turns.drain(10);
  const outcome = await slow.done;
  assert.equal(outcome.status === 'error' && outcome.code, 'TURN_INTERRUPTED');
  assert.equal((await other.sessions.find(...MAIN))?.status, 'interrupted');
});
