import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { asideOf, beginExchange, type Exchange, finishExchange, stagedOf } from './journal.ts';

const ID = '20260101T000000Z-abcdef';
const ENTRIES: readonly Exchange[] = [
  { path: 'state/state.db-wal', replaced: false },
  { path: 'gatehouse.json', replaced: true },
  { path: 'state/state.db', replaced: true },
  { path: 'keys/retired/0123456789abcdef.pub', replaced: true },
];
const folder = mkdtempSync(join(tmpdir(), 'gh-journal-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function put(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function begun(name: string): string {
  const home = join(folder, name);
  for (const path of ['gatehouse.json', 'state/state.db', 'state/state.db-wal', 'state/masks/kept'])
    put(home, path, 'old');
  for (const { path, replaced } of ENTRIES) if (replaced) put(stagedOf(home, ID), path, 'new');
  beginExchange(home, ID, ENTRIES);
  return home;
}

function everything(home: string): Record<string, string> {
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(home.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}

const DONE = {
  'gatehouse.json': 'new',
  'state/state.db': 'new',
  'state/masks/kept': 'old',
  'keys/retired/0123456789abcdef.pub': 'new',
  [`before-restore/${ID}/gatehouse.json`]: 'old',
  [`before-restore/${ID}/state/state.db`]: 'old',
  [`before-restore/${ID}/state/state.db-wal`]: 'old',
};

test('an exchange that was begun is finished, and the old files stay aside', () => {
  const home = begun('whole');
  assert.equal(finishExchange(home), ID);
  assert.deepEqual(everything(home), DONE);
  assert.equal(finishExchange(home), undefined);
});

test('killed after each of its steps, the next start finishes it', () => {
  const steps = ENTRIES.flatMap(({ path, replaced }) =>
    replaced ? [`old ${path}`, `new ${path}`] : [`old ${path}`],
  );
  for (let done = 0; done <= steps.length; done++) {
    const home = begun(`killed-${done}`);
    for (const step of steps.slice(0, done)) {
      const [which = '', path = ''] = step.split(' ');
      const [from, to] = which === 'old' ? [home, asideOf(home, ID)] : [stagedOf(home, ID), home];
      if (!existsSync(join(from, path))) continue;
      mkdirSync(dirname(join(to, path)), { recursive: true });
      renameSync(join(from, path), join(to, path));
    }
    assert.equal(finishExchange(home), ID, `after ${done} steps`);
    assert.deepEqual(everything(home), DONE, `after ${done} steps`);
  }
});

test('restore/a journal that names something outside of the home: nothing is moved', () => {
  for (const path of ['../evil', '/etc/passwd', 'state/../../evil', 'workspaces/main/x', 'keys/..']) {
    const home = begun(`hostile-${path.length}`);
    writeFileSync(
      join(home, '.restore.json'),
      JSON.stringify({ id: ID, entries: [{ path, replaced: true }] }),
    );
    const before = everything(home);
    assert.equal(finishExchange(home), undefined);
    assert.deepEqual(everything(home), before);
  }
});
