import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { LedgerEvent } from '../../kernel/index.ts';
import type { AgentPolicy } from '../types.ts';
import { createTaskWorkspaces, type TaskWorkspaces, withOwnWorkspace } from './service.ts';

const HOUR_MS = 3_600_000;
const SUBJECT = { principal: 'p', agent: 'dev' };

interface World extends Disposable {
  readonly folder: string;
  readonly policy: AgentPolicy;
  readonly tasks: TaskWorkspaces;
  readonly events: LedgerEvent[];
  readonly busy: Set<string>;
  later(ms: number): void;
  recording: boolean;
}

function world(limits: { readonly most?: number; readonly bytes?: number } = {}): World {
  const root = mkdtempSync(join(tmpdir(), 'gh-tasks-'));
  const folder = join(root, 'dev.tasks');
  const ephemeral = { folder, graceMs: HOUR_MS, most: limits.most ?? 2, bytes: limits.bytes ?? 1_000 };
  const policy = { agent: 'dev', workspace: join(root, 'dev'), ephemeral } as unknown as AgentPolicy;
  const events: LedgerEvent[] = [];
  const busy = new Set<string>();
  // The times of files come from the real clock.
  let now = Date.now();
  const made = {
    folder,
    policy,
    events,
    busy,
    recording: true,
    later: (ms: number) => void (now += ms),
    tasks: createTaskWorkspaces({
      clock: { now: () => now, monotonic: () => now },
      ledger: {
        append: async (event: LedgerEvent) => {
          if (!made.recording) throw new Error('the disk is full');
          events.push(event);
          return { writer: 'test', seq: events.length, hash: '' };
        },
      },
      policies: () => [policy],
      busy: async (session) => busy.has(session),
    }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
  return made;
}

describe('workspaces of single sessions', () => {
  test('each session has its own, on the record, and finds it again', async () => {
    using w = world();
    await w.tasks.enter(w.policy, 's1', SUBJECT);
    await w.tasks.enter(w.policy, 's1', SUBJECT);
    await w.tasks.enter(w.policy, 's2', SUBJECT);
    const one = withOwnWorkspace(w.policy, 's1').workspace;
    assert.equal(one, join(w.folder, 's1'));
    assert.equal(statSync(one).mode & 0o777, 0o700);
    assert.deepEqual(
      w.events.map(({ action, data }) => [action, data?.['path']]),
      [
        ['workspace.created', one],
        ['workspace.created', join(w.folder, 's2')],
      ],
    );
    const found = await w.tasks.find(w.policy, 's1');
    assert.equal(found?.path, one);
    assert.equal((found?.removedAfter ?? 0) - (found?.usedAt ?? 0), HOUR_MS);
    assert.equal(await w.tasks.find(w.policy, 's9'), undefined);
  });

  test('one that nobody used for its grace period is taken away, and one that is used is not', async () => {
    using w = world();
    await w.tasks.enter(w.policy, 'old', SUBJECT);
    await w.tasks.enter(w.policy, 'busy', SUBJECT);
    w.busy.add('busy');
    w.later(HOUR_MS - 60_000);
    assert.equal(await w.tasks.sweep(), 0);
    w.later(120_000);
    assert.equal(await w.tasks.sweep(), 1);
    assert.deepEqual(readdirSync(w.folder).sort(), ['busy', 'busy.json']);
    const removed = w.events.at(-1);
    assert.equal(removed?.action, 'workspace.removed');
    assert.equal(removed?.data?.['session'], 'old');
    await w.tasks.enter(w.policy, 'busy', SUBJECT);
    w.busy.clear();
    assert.equal(await w.tasks.sweep(), 0);
  });

  test('a link in it is taken away and not what it leads to', async () => {
    using w = world();
    const outside = join(w.folder, '..', 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'kept'), 'x');
    await w.tasks.enter(w.policy, 's1', SUBJECT);
    symlinkSync(outside, join(w.folder, 's1', 'link'));
    w.later(2 * HOUR_MS);
    assert.equal(await w.tasks.sweep(), 1);
    assert.equal(existsSync(join(outside, 'kept')), true);
  });

  test('workspaces/folders that a run closed, to keep its workspace or to hide what it holds: refused', async () => {
    using w = world({ most: 3 });
    const account = process.geteuid?.() ?? 0;
    // Root may everything, so that it proves nothing: another account is taken for the time of the test.
    if (account === 0) {
      mkdirSync(w.folder, { recursive: true });
      for (const path of [join(w.folder, '..'), w.folder]) chownSync(path, 65_534, 65_534);
      process.seteuid?.(65_534);
    }
    try {
      await w.tasks.enter(w.policy, 'old', SUBJECT);
      mkdirSync(join(w.folder, 'old', 'a', 'b'), { recursive: true });
      writeFileSync(join(w.folder, 'old', 'a', 'b', 'x'), 'x'.repeat(5_000));
      chmodSync(join(w.folder, 'old', 'a', 'b'), 0);
      chmodSync(join(w.folder, 'old', 'a'), 0o500);
      await assert.rejects(w.tasks.enter(w.policy, 'next', SUBJECT), { code: 'TURN_WORKSPACES_FULL' });
      assert.equal(existsSync(join(w.folder, 'next')), false);
      w.later(HOUR_MS + 60_000);
      assert.equal(await w.tasks.sweep(), 1);
      assert.equal(readdirSync(w.folder).length, 0);
    } finally {
      if (account === 0) process.seteuid?.(0);
    }
  });

  test('a removal that a killed process left half done is finished', async () => {
    using w = world();
    mkdirSync(join(w.folder, '.gone-x', 'deep'), { recursive: true });
    await w.tasks.sweep();
    assert.deepEqual(readdirSync(w.folder), []);
  });
});

describe('their bounds', () => {
  test('workspaces/one more than there may be: refused; an old one makes room', async () => {
    using w = world({ most: 2 });
    await w.tasks.enter(w.policy, 's1', SUBJECT);
    await w.tasks.enter(w.policy, 's2', SUBJECT);
    await assert.rejects(w.tasks.enter(w.policy, 's3', SUBJECT), { code: 'TURN_WORKSPACES_FULL' });
    assert.equal(existsSync(join(w.folder, 's3')), false);
    assert.equal(w.events.length, 2);
    w.later(2 * HOUR_MS);
    await w.tasks.enter(w.policy, 's3', SUBJECT);
    assert.ok(w.events.some(({ action }) => action === 'workspace.removed'));
  });

  test('workspaces/two that begin together where there is room for one: refused', async () => {
    using w = world({ most: 1 });
    const both = await Promise.allSettled(['a', 'b'].map((id) => w.tasks.enter(w.policy, id, SUBJECT)));
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal(readdirSync(w.folder).filter((name) => !name.endsWith('.json')).length, 1);
  });

  test('workspaces/more bytes than all may hold: refused', async () => {
    using w = world({ most: 9, bytes: 300 });
    await w.tasks.enter(w.policy, 's1', SUBJECT);
    const marks = statSync(join(w.folder, 's1.json')).size;
    writeFileSync(join(w.folder, 's1', 'at-the-limit'), 'x'.repeat(300 - marks));
    await w.tasks.enter(w.policy, 's2', SUBJECT);
    writeFileSync(join(w.folder, 's1', 'past-it'), 'x');
    await assert.rejects(w.tasks.enter(w.policy, 's3', SUBJECT), { code: 'TURN_WORKSPACES_FULL' });
  });

  test('workspaces/one whose record cannot be written: refused', async () => {
    using w = world();
    w.recording = false;
    await assert.rejects(w.tasks.enter(w.policy, 's1', SUBJECT), /disk is full/);
    assert.equal(existsSync(join(w.folder, 's1')), false);
  });

  test('workspaces/a session whose name leads elsewhere: refused', async () => {
    using w = world();
    for (const name of ['../dev', 'a/b', '', '.', 'x'.repeat(129)])
      await assert.rejects(w.tasks.enter(w.policy, name, SUBJECT), { code: 'TURN_WORKSPACES_FULL' });
  });
});
