import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Workspaces } from './workspaces.ts';

const NEVER = new AbortController().signal;

/** Enters, and notes the name when it is in. */
function recorder(workspaces: Workspaces) {
  const entered: string[] = [];
  const enter = (name: string, mode: 'shared' | 'alone', paths = ['/w'], signal = NEVER) => {
    const leaving = workspaces.enter(paths, mode, signal);
    leaving.then(
      () => entered.push(name),
      () => undefined,
    );
    return leaving;
  };
  return { entered, enter };
}

test('ordinary runs share a folder, and one that goes alone waits for them and keeps the next ones out', async () => {
  const { entered, enter } = recorder(new Workspaces());
  const leaves = await Promise.all([enter('a', 'shared'), enter('b', 'shared')]);
  const alone = enter('c', 'alone');
  const after = enter('d', 'shared');
  await enter('elsewhere', 'alone', ['/other']);
  assert.deepEqual(entered, ['a', 'b', 'elsewhere']);
  for (const leave of leaves) leave();
  const leave = await alone;
  assert.deepEqual(entered.slice(3), ['c']);
  leave();
  await after;
  assert.deepEqual(entered.slice(3), ['c', 'd']);
});

test('two runs on the same folders in another order do not wait for each other for ever', async () => {
  const { enter } = recorder(new Workspaces());
  const first = enter('a', 'alone', ['/x', '/y']);
  const second = enter('b', 'alone', ['/y', '/x']);
  (await first)();
  (await second)();
});

test('who stops waiting lets the others through, and giving back twice changes nothing', async () => {
  const { entered, enter } = recorder(new Workspaces());
  const leave = await enter('a', 'shared');
  const stop = new AbortController();
  const alone = enter('b', 'alone', ['/w'], stop.signal);
  const shared = enter('c', 'shared');
  stop.abort(new Error('enough'));
  await assert.rejects(alone, /enough/);
  (await shared)();
  assert.deepEqual(entered, ['a', 'c']);
  leave();
  leave();
  (await enter('d', 'alone'))();
});
