import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Database, openDatabase } from '../drivers/sqlite/index.ts';
import { GatehouseError } from '../kernel/index.ts';
import { nodeFiles } from './files.ts';
import { MAX_PATH_LENGTH } from './path.ts';
import { createConfigService } from './service.ts';
import { MAX_SNAPSHOTS, SnapshotStore } from './snapshots/store.ts';
import { type ConfigTables, migrations } from './snapshots/tables.ts';
import { type FakeLedger, fakeLedger, NOW, type TestHome, testHome } from './testing/home.ts';
import type { ConfigService } from './types.ts';

interface Install extends Disposable {
  readonly home: TestHome;
  readonly ledger: FakeLedger;
  readonly config: ConfigService;
  readonly text: () => string;
  /** The same home with a new process. */
  restart(fallback?: boolean): Promise<ConfigService>;
}

const BY = { author: 'eve', ticket: 'T-1', reason: 'test' };

async function install(config?: string, files = nodeFiles): Promise<Install> {
  const home = testHome(config);
  const ledger = fakeLedger();
  const open: Database<ConfigTables>[] = [];
  const start = async (fallback = false): Promise<ConfigService> => {
    open.pop()?.close();
    const database = openDatabase<ConfigTables>(join(home.userHome, 'state.db'));
    open.push(database);
    await database.migrate(migrations);
    const clock = { now: () => NOW, monotonic: () => 0 };
    return createConfigService({ ...home, env: {}, db: database.db, ledger, clock, files, fallback });
  };
  return {
    home,
    ledger,
    config: await start(),
    text: () => readFileSync(home.paths.config, 'utf8'),
    restart: start,
    [Symbol.dispose]() {
      open.pop()?.close();
      home[Symbol.dispose]();
    },
  };
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (thrown) {
    return thrown instanceof GatehouseError ? thrown.code : String(thrown);
  }
}

test('the first start is snapshot 1, and a restart without a change makes no other', async () => {
  using home = await install('{ gateway: { port: 1000 } }');
  assert.equal(home.config.current().snapshot, 1);
  const again = await home.restart();
  assert.equal(again.current().snapshot, 1);
  assert.deepEqual(
    (await again.history()).map(({ number, author }) => [number, author]),
    [[1, 'start']],
  );
  home.home.write('gatehouse.json', '{ gateway: { port: 2000 } }');
  assert.equal((await home.restart()).current().snapshot, 2);
});

test('set keeps comments, leaves the old file beside it, is recorded, and applies', async () => {
  using home = await install('{\n  // the port people know\n  gateway: { port: 1000 }, // end\n}\n');
  const seen: (readonly [number, number])[] = [];
  home.config.onApplied((next, previous) =>
    seen.push([previous.config.gateway.port, next.config.gateway.port]),
  );
  const snapshot = await home.config.set('gateway.port', 2000, BY);
  assert.equal(snapshot.number, 2);
  assert.deepEqual(seen, [[1000, 2000]]);
  assert.equal(home.text(), '{\n  // the port people know\n  gateway: { port: 2000 }, // end\n}\n');
  assert.match(readFileSync(`${home.home.paths.config}.bak`, 'utf8'), /1000/);
  const [event] = home.ledger.events;
  assert.equal(event?.type, 'change');
  assert.equal(event?.action, 'config.set');
  assert.deepEqual(event?.subject, { principal: 'eve' });
  await home.config.set('logging.level', 'debug', BY);
  assert.match(home.text(), /^\{\n {2}logging: \{\n {4}"level": "debug"\n {2}\},\n {2}\/\/ the port/);
  await home.config.set('logging', null, BY);
  assert.equal(home.config.current().config.logging.level, 'info');
  assert.match(home.text(), /the port people know/);
});

test('set works where there is no file yet', async () => {
  using home = await install();
  await home.config.set('agents.entries.main.name', 'Ann', BY);
  assert.equal(home.config.current().agents.get('main')?.name, 'Ann');
  assert.equal((await home.restart()).current().agents.get('main')?.name, 'Ann');
});

test('config/set to something invalid: refused, and nothing has changed', async () => {
  using home = await install('{ gateway: { port: 1000 } }');
  for (const [path, value] of [
    ['gateway.port', 'x'],
    ['gateway.prot', 1],
    ['models.providers.x.apiKey', 'sk-literal'],
    ['agents.defaults.playbook', 'none'],
  ] as const) {
    assert.equal(await codeOf(home.config.set(path, value, BY)), 'CONFIG_INVALID', path);
  }
  assert.equal(await codeOf(home.config.set('a..b', 1, BY)), 'CONFIG_PATH_UNKNOWN');
  assert.equal(await codeOf(home.config.set('__proto__.polluted', 1, BY)), 'CONFIG_FORBIDDEN_KEY');
  const nested = JSON.parse('{ "__proto__": { "polluted": 1 } }') as unknown;
  assert.equal(await codeOf(home.config.set('gateway', nested, BY)), 'CONFIG_INVALID');
  assert.equal(home.text(), '{ gateway: { port: 1000 } }');
  assert.equal(home.config.current().snapshot, 1);
  assert.deepEqual(home.ledger.events, []);
  assert.equal(existsSync(`${home.home.paths.config}.bak`), false);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test('config/a change whose record cannot be written: refused, and nothing has changed', async () => {
  using home = await install('{ gateway: { port: 1000 } }');
  home.ledger.failing = true;
  assert.equal(await codeOf(home.config.set('gateway.port', 2000, BY)), 'LEDGER_UNAVAILABLE');
  home.home.write('gatehouse.json', '{ gateway: { port: 3000 } }');
  assert.equal(await codeOf(home.config.reload('eve')), 'LEDGER_UNAVAILABLE');
  assert.equal(home.config.current().config.gateway.port, 1000);
  assert.equal((await home.config.history()).length, 1);
});

test('config/a disk that cannot be written: refused, and the running one stays', async () => {
  const files = {
    ...nodeFiles,
    write() {
      throw new GatehouseError('CONFIG_WRITE_FAILED', 'full');
    },
  };
  using home = await install('{ gateway: { port: 1000 } }', files);
  assert.equal(await codeOf(home.config.set('gateway.port', 2000, BY)), 'CONFIG_WRITE_FAILED');
  assert.equal(home.config.current().config.gateway.port, 1000);
  assert.deepEqual(
    home.ledger.events.map((event) => event.outcome),
    ['started', 'failure'],
  );
});

test('config/reload of a broken file: refused with its issues, the running one stays', async () => {
  using home = await install('{ gateway: { port: 1000 } }');
  home.home.write('gatehouse.json', '{ gateway: { port: 20');
  const outcome = await home.config.reload('eve');
  assert.equal(outcome.applied, false);
  assert.deepEqual(
    outcome.issues.map((issue) => issue.code),
    ['CONFIG_TRUNCATED'],
  );
  assert.equal(home.config.current().config.gateway.port, 1000);
  assert.deepEqual(
    home.ledger.events.map((event) => [event.action, event.outcome]),
    [['config.reload_refused', 'failure']],
  );
  home.home.write('gatehouse.json', '{ gateway: { port: 3000 } }');
  assert.deepEqual(await home.config.reload('eve'), { applied: true, refused: false, issues: [] });
  assert.equal(home.config.current().config.gateway.port, 3000);
  assert.equal(home.config.current().snapshot, 2);
  assert.equal((await home.config.reload('eve')).applied, false);
  rmSync(home.home.paths.config);
  assert.equal((await home.config.reload('eve')).applied, true);
  assert.equal(home.config.current().config.gateway.port, 18_789);
});

test('validate tries a text or the file and changes nothing', async () => {
  using home = await install('{}');
  assert.equal((await home.config.validate('{ gateway: { port: 1 } }')).ok, true);
  const bad = await home.config.validate('{ gateway: { prot: 1 } }');
  assert.equal(bad.ok, false);
  assert.equal(bad.issues[0]?.nearest, 'port');
  assert.equal((await home.config.validate()).ok, true);
  assert.equal(home.config.current().config.gateway.port, 18_789);
  assert.equal((await home.config.history()).length, 1);
});

const MINE = `playbook: mine
version: 1
owner: ops
review: 2027-01-31
purpose: test
tools: { allow: [read] }
files: { workspace: ro }
`;

test('rollback brings configuration and playbooks back, as a new snapshot', async () => {
  using home = await install('{ gateway: { port: 1000 } }');
  const playbook = home.home.write('playbooks/mine.yaml', MINE);
  home.home.write('gatehouse.json', '{ agents: { entries: { main: { playbook: "mine" } } } }');
  assert.equal((await home.config.reload('eve')).applied, true);
  const rolled = await home.config.rollback(1, BY);
  assert.equal(rolled.number, 3);
  assert.equal(existsSync(playbook), false);
  assert.equal(readFileSync(`${playbook}.bak`, 'utf8'), MINE);
  assert.equal(home.config.current().config.gateway.port, 1000);
  await home.config.rollback(2, BY);
  assert.equal(readFileSync(playbook, 'utf8'), MINE);
  assert.equal(home.config.current().agents.get('main')?.playbook, 'mine');
  const [newest, , second] = await home.config.history();
  assert.equal(newest?.hash, second?.hash);
  assert.equal(await codeOf(home.config.rollback(99, BY)), 'CONFIG_SNAPSHOT_UNKNOWN');
});

test('a rollback that is killed between two files is finished by the next start, which says so', async () => {
  for (let survived = 0; survived <= 3; survived++) {
    let writes = Number.POSITIVE_INFINITY;
    const killed = new Error('killed');
    const dying = {
      ...nodeFiles,
      write(path: string, text: string) {
        if (!path.endsWith('.bak') && writes-- <= 0) throw killed;
        nodeFiles.write(path, text);
      },
      remove(path: string) {
        if (writes === Number.POSITIVE_INFINITY || writes-- > 0) nodeFiles.remove(path);
      },
    };
    using home = await install('{ gateway: { port: 1000 } }', dying);
    home.home.write('playbooks/mine.yaml', MINE);
    home.home.write('gatehouse.json', '{ agents: { entries: { main: { playbook: "mine" } } } }');
    await home.config.reload('eve');
    // The note, then the playbook, then the file itself: nothing more is written after so many of them.
    writes = survived;
    await home.config.rollback(1, BY).catch(() => undefined);
    writes = Number.POSITIVE_INFINITY;
    const again = await home.restart();
    const [port, hasMine] = [
      again.current().config.gateway.port,
      existsSync(join(home.home.paths.playbooks, 'mine.yaml')),
    ];
    const after = survived === 0 ? [18_789, true] : [1000, false];
    assert.deepEqual([port, hasMine], after, `after ${survived} writes`);
    const said = home.ledger.events.filter(({ action }) => action === 'config.change_finished').length;
    assert.equal(said, survived === 0 ? 0 : 1, `after ${survived} writes`);
    assert.equal(existsSync(join(home.home.paths.home, '.config-change.json')), false);
  }
});

test('config/a disk that is full between two files: refused, and no start finds half a change', async () => {
  let full = false;
  const filling = {
    ...nodeFiles,
    write(path: string, text: string) {
      if (full && path.endsWith('gatehouse.json')) throw new GatehouseError('CONFIG_WRITE_FAILED', 'full');
      nodeFiles.write(path, text);
    },
  };
  using home = await install('{ gateway: { port: 1000 } }', filling);
  const playbook = home.home.write('playbooks/mine.yaml', MINE);
  home.home.write('gatehouse.json', '{ agents: { entries: { main: { playbook: "mine" } } } }');
  await home.config.reload('eve');
  full = true;
  assert.equal(await codeOf(home.config.rollback(1, BY)), 'CONFIG_WRITE_FAILED');
  assert.equal(readFileSync(playbook, 'utf8'), MINE);
  full = false;
  assert.equal((await home.restart()).current().agents.get('main')?.playbook, 'mine');
});

test('config/a note of a change that names a file outside of the configuration: nothing is written', async () => {
  using home = await install('{ gateway: { port: 1000 } }');
  for (const name of [
    '../evil',
    '/tmp/evil',
    'keys/ledger.key',
    'playbooks/../../evil.yaml',
    'workspaces/main/x',
  ]) {
    home.home.write(
      '.config-change.json',
      JSON.stringify({ changes: { [name]: 'x', 'gatehouse.json': '{}' } }),
    );
    assert.equal((await home.restart()).current().config.gateway.port, 1000, name);
    assert.equal(existsSync(join(home.home.paths.home, name)), false, name);
  }
});

test('diff shows what changed between two snapshots, and get what is set', async () => {
  using home = await install('{ gateway: { port: 1000, bind: "127.0.0.1" } }');
  await home.config.set('gateway.port', 2000, BY);
  const diff = await home.config.diff(1, 2);
  assert.match(diff, /^--- snapshot 1\n\+\+\+ snapshot 2\n@@ -1,6 \+1,6 @@\n/);
  assert.match(diff, /\n- {4}"port": 1000,\n\+ {4}"port": 2000,\n/);
  assert.equal(await home.config.diff(2, 2), '');
  assert.equal(home.config.get('gateway.port'), 2000);
  assert.equal(home.config.get('logging.level'), 'info');
  assert.throws(() => home.config.get('gateway.prot'), { code: 'CONFIG_PATH_UNKNOWN' });
  assert.throws(() => home.config.get('gateway.__proto__'), { code: 'CONFIG_FORBIDDEN_KEY' });
});

test('changes at once are made one after the other, and none is lost', async () => {
  using home = await install('{}');
  await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      home.config.set(`agents.entries.a${index}.name`, `n${index}`, BY),
    ),
  );
  assert.equal(home.config.current().agents.size, 8);
  assert.equal(home.config.current().snapshot, 9);
});

test('config/a broken configuration at start: refused', async () => {
  assert.equal(await codeOf(install('{ gateway: 1 }')), 'CONFIG_INVALID');
});

test('a command line starts on the last snapshot of a broken file, and can put it right', async () => {
  using home = await install('{ gateway: { port: 1000 } }');
  home.home.write('gatehouse.json', '{ gateway: {');
  assert.equal(await codeOf(home.restart()), 'CONFIG_INVALID');
  const config = await home.restart(true);
  assert.equal(config.current().config.gateway.port, 1000);
  assert.deepEqual(
    (await config.validate()).issues.map((issue) => issue.code),
    ['CONFIG_TRUNCATED'],
  );
  assert.equal(await codeOf(config.set('gateway.port', 1, BY)), 'CONFIG_INVALID');
  await config.rollback(1, BY);
  assert.equal((await home.restart()).current().config.gateway.port, 1000);
});

test('config/a path longer than the bound: refused', async () => {
  using home = await install();
  const path = (length: number) => 'a'.repeat(length);
  assert.equal(await codeOf(home.config.set(path(MAX_PATH_LENGTH), 1, BY)), 'CONFIG_INVALID');
  assert.equal(await codeOf(home.config.set(path(MAX_PATH_LENGTH + 1), 1, BY)), 'CONFIG_PATH_UNKNOWN');
});

test('the oldest snapshots are dropped past the bound, and their numbers are not used again', async () => {
  const database = openDatabase<ConfigTables>(':memory:');
  using _database = database;
  await database.migrate(migrations);
  const store = new SnapshotStore(database.db);
  const snapshot = { ...BY, hash: 'h', at: NOW, config: '{}', playbooks: {}, egress: null };
  for (let index = 0; index < MAX_SNAPSHOTS + 1; index++) await store.add(snapshot);
  const numbers = (await store.list()).map(({ number }) => number);
  assert.equal(numbers.length, MAX_SNAPSHOTS);
  assert.equal(numbers[0], MAX_SNAPSHOTS + 1);
  assert.equal(numbers.at(-1), 2);
  assert.equal(await codeOf(store.get(1)), 'CONFIG_SNAPSHOT_UNKNOWN');
});

test('apply replaces the file, keeps the one before, and is a snapshot with author and ticket', async () => {
  using home = await install('{ gateway: { port: 1000 } }');
  const { number, ticket } = await home.config.apply('// ours\n{ gateway: { port: 2000 } }', BY, {
    onlyWhenEmpty: false,
  });
  assert.equal(ticket, BY.ticket);
  assert.equal(home.config.current().config.gateway.port, 2000);
  assert.ok(home.text().startsWith('// ours'));
  await home.config.rollback(number - 1, BY);
  assert.equal(home.config.current().config.gateway.port, 1000);
});

test('config/apply over a file that says something: refused, and nothing is written', async () => {
  using home = await install('{ gateway: { port: 1000 } }');
  const work = home.config.apply('{}', BY, { onlyWhenEmpty: true });
  assert.equal(await codeOf(work), 'CONFIG_NOT_EMPTY');
  assert.equal(home.text(), '{ gateway: { port: 1000 } }');
  assert.deepEqual(
    home.ledger.events.filter(({ action }) => action === 'config.applied'),
    [],
  );
});

test('config/apply of what does not load: refused, and nothing is written', async () => {
  using home = await install('{ gateway: { port: 1000 } }');
  const work = home.config.apply('{ gateway: { prot: 1 } }', BY, { onlyWhenEmpty: false });
  assert.equal(await codeOf(work), 'CONFIG_INVALID');
  assert.equal(home.text(), '{ gateway: { port: 1000 } }');
});
