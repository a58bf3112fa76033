import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Harness, harness, RULES } from '../testing/harness.ts';
import { fakeModel } from '../testing/model.ts';

const PERSON = { principal: 'operator' };
const shell = (id: string, command: string) => ({ id, name: 'shell', arguments: { command } });

/** One answer of the model with several calls. */
function together(...calls: readonly { id: string; name: string; arguments: unknown }[]) {
  return fakeModel('fake', { calls }, { text: 'end' });
}

async function waiting(h: Harness) {
  await h.next('tool.approval');
  return h.approvals.list({ status: 'pending' });
}

test('what one answer of the model asks is asked at once, answered together, and used one by one', async () => {
  await using h = await harness({
    providers: [together(shell('a', 'touch one'), shell('b', 'echo between'), shell('c', 'touch two'))],
  });
  const handle = await h.start('go');
  const asked = await waiting(h);
  assert.deepEqual(new Set(asked.map(({ commandText }) => commandText)), new Set(['touch one', 'touch two']));
  const [batch] = new Set(asked.map((record) => record.batch));
  assert.ok(batch);
  assert.equal(h.runs.length, 0);
  await h.approvals.resolveBatch(batch, 'allow-once', PERSON);
  await handle.done;
  assert.ok(existsSync(join(h.workspace, 'one')) && existsSync(join(h.workspace, 'two')));
  assert.equal((await h.approvals.list({ status: 'consumed' })).length, 2);
  assert.equal((await h.approvals.list({ status: 'pending' })).length, 0);
});

test('approvals/one of a batch that was denied before its turn came: refused, and not asked again', async () => {
  await using h = await harness({ providers: [together(shell('a', 'touch one'), shell('b', 'touch two'))] });
  const handle = await h.start('go');
  const asked = await waiting(h);
  const second = asked.find(({ commandText }) => commandText === 'touch two');
  const first = asked.find(({ commandText }) => commandText === 'touch one');
  await h.approvals.resolve(second?.id ?? '', 'deny', PERSON);
  await h.approvals.resolve(first?.id ?? '', 'allow-once', PERSON);
  await handle.done;
  assert.equal(existsSync(join(h.workspace, 'one')), true);
  assert.equal(existsSync(join(h.workspace, 'two')), false);
  assert.equal((await h.approvals.list({ status: 'denied' })).length, 1);
});

test('approvals/one of a batch whose file changed before its turn came: refused', async () => {
  await using h = await harness({
    providers: [together(shell('a', 'sh change.sh'), shell('b', 'sh script.sh'))],
  });
  writeFileSync(join(h.workspace, 'change.sh'), 'echo touch owned > script.sh');
  writeFileSync(join(h.workspace, 'script.sh'), 'echo harmless');
  const handle = await h.start('go');
  const asked = await waiting(h);
  await h.approvals.resolveBatch(asked[0]?.batch ?? '', 'allow-once', PERSON);
  // What the first one changed is a new question.
  let again = await h.approvals.list({ status: 'pending' });
  while (again.length === 0) {
    await h.next('status');
    again = await h.approvals.list({ status: 'pending' });
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(
    again.map(({ commandText }) => commandText),
    ['sh script.sh'],
  );
  await h.approvals.resolve(again[0]?.id ?? '', 'deny', PERSON);
  await handle.done;
  assert.equal(existsSync(join(h.workspace, 'owned')), false);
});

test('an edit that is asked shows the change as a unified diff, with what could hide in it made visible', async () => {
  const edit = { path: 'notes', oldText: 'two', newText: '2\u202e' };
  await using h = await harness({
    providers: [together({ id: 'a', name: 'edit', arguments: edit })],
    rules: [
      { id: 'ask-write', kind: 'file.write', effect: 'ask', match: { path: ['/workspace/**'] } },
      ...RULES,
    ],
  });
  writeFileSync(join(h.workspace, 'notes'), 'one\ntwo\nthree\n');
  const handle = await h.start('go');
  const [asked] = await waiting(h);
  assert.match(asked?.diff ?? '', /^-two$/m);
  assert.match(asked?.diff ?? '', /^\+2⟨U\+202E⟩$/m);
  assert.deepEqual(asked?.reach?.writes, ['/workspace/notes']);
  assert.equal(asked?.reach?.network, false);
  await h.approvals.resolve(asked?.id ?? '', 'deny', PERSON);
  await handle.done;
});
