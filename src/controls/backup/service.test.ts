import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { openDatabase } from '../../drivers/sqlite/index.ts';
import type { Alert, LedgerEvent } from '../../kernel/index.ts';
import type { SealOrder } from './archive.ts';
import { createBackups } from './service.ts';
import { type BackupTables, migrations } from './tables.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const BY = { author: 'olga', reason: '', scheduled: false };

/** A service on a scratch home whose worker writes a file and nothing else. */
async function world() {
  const home = mkdtempSync(join(tmpdir(), 'gh-backups-'));
  const database = openDatabase<BackupTables>(':memory:');
  await database.migrate(migrations);
  const recipients = [await identityToRecipient(await generateX25519Identity())];
  const state = { now: 1_000 * DAY, problems: [] as string[], held: Promise.resolve(), number: 0 };
  const alerts: Alert[] = [];
  const events: LedgerEvent[] = [];
  mkdirSync(join(home, 'workspaces'));
  const service = createBackups({
    db: database.db,
    ledger: {
      append: async (event) => {
        events.push(event);
        return { writer: 't', seq: events.length, hash: '' };
      },
      checkpoint: async () => undefined,
    },
    alerts: { raise: (alert) => void alerts.push(alert) },
    clock: { now: () => state.now, monotonic: () => state.now },
    random: { bytes: (size) => Buffer.alloc(size, ++state.number), uuid: () => 'u' },
    logger: { info() {}, warn() {}, error() {} },
    settings: () => ({
      recipients,
      folder: join(home, 'backups'),
      keep: { last: 2, days: 1 },
      maxAgeHours: 48,
    }),
    places: {
      home,
      state: join(home, 'state'),
      keys: join(home, 'keys'),
      workspaces: join(home, 'workspaces'),
      staging: join(home, 'cache', 'backup'),
    },
    worker: () => ({
      async copy() {
        await state.held;
        const ledger = { records: 7, checkpoints: 1, unsigned: 0, heads: [] };
        return { files: [], ledger, problems: state.problems };
      },
      async seal({ target }: SealOrder) {
        writeFileSync(target, 'sealed');
        return { bytes: 6, sha256: 'd' };
      },
      async [Symbol.asyncDispose]() {},
    }),
    exportConfig: async () => ({ hash: 'h', snapshot: 3, files: { 'gatehouse.json': '{}' } }),
    facts: async () => ({ versions: { gatehouse: '1', node: '1', sqlite: '1' }, program: 'p' }),
    sign: async () => '{}',
  });
  return {
    service,
    state,
    alerts,
    events,
    [Symbol.dispose]() {
      database.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

test('old ones are deleted after a new one is whole, and the deletion is on record', async () => {
  using home = await world();
  const made = [];
  for (let day = 0; day < 4; day++) {
    made.push(await home.service.create(BY));
    home.state.now += DAY;
  }
  assert.deepEqual(
    made.map(({ path }) => existsSync(path)),
    [false, false, true, true],
  );
  const listed = await home.service.list();
  assert.deepEqual(
    listed.map(({ status }) => status),
    ['good', 'good', 'deleted', 'deleted'],
  );
  assert.equal(home.events.filter(({ action }) => action === 'backup.deleted').length, 2);
});

test('a backup whose file is gone or has another size counts as missing, and the one before it as the last', async () => {
  using home = await world();
  const first = await home.service.create(BY);
  home.state.now += HOUR;
  const second = await home.service.create(BY);
  writeFileSync(second.path, 'cut');
  assert.equal((await home.service.list())[0]?.status, 'missing');
  assert.equal((await home.service.facts()).last?.id, first.id);
});

test('backup/two at once: the second is refused', async () => {
  using home = await world();
  const held = Promise.withResolvers<void>();
  home.state.held = held.promise;
  const first = home.service.create(BY);
  await assert.rejects(home.service.create(BY), { code: 'BACKUP_RUNNING' });
  held.resolve();
  assert.equal((await first).status, 'good');
});

test('backup/a ledger that does not prove itself: refused, alerted, and the last good one stays', async () => {
  using home = await world();
  const good = await home.service.create(BY);
  home.state.problems = ['LEDGER_EDITED gateway 3'];
  home.state.now += HOUR;
  await assert.rejects(home.service.create(BY), { code: 'BACKUP_LEDGER_BROKEN' });
  assert.ok(existsSync(good.path));
  assert.deepEqual(
    home.alerts.map(({ rule, code }) => [rule, code]),
    [['backup.failed', 'BACKUP_LEDGER_BROKEN']],
  );
  assert.equal((await home.service.facts()).failed, 'BACKUP_LEDGER_BROKEN');
});

test('one that is too old is told once, at the bound and not before it, and again after the next one', async () => {
  using home = await world();
  await home.service.create(BY);
  home.state.now += 48 * HOUR - 1;
  await home.service.look();
  assert.equal(home.alerts.length, 0);
  home.state.now += 1;
  await home.service.look();
  await home.service.look();
  assert.deepEqual(
    home.alerts.map(({ rule }) => rule),
    ['backup.too-old'],
  );
  await home.service.create(BY);
  home.state.now += 48 * HOUR;
  await home.service.look();
  assert.equal(home.alerts.length, 2);
});

test('a clock that was set back deletes nothing that is needed and tells nothing that is not so', async () => {
  using home = await world();
  await home.service.create(BY);
  home.state.now -= 100 * DAY;
  const later = await home.service.create(BY);
  await home.service.look();
  assert.equal(home.alerts.length, 0);
  assert.ok(existsSync(later.path));
  assert.equal((await home.service.list()).filter(({ status }) => status === 'good').length, 2);
});
