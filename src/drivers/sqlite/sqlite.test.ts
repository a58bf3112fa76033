import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Generated } from 'kysely';
import { type Database, type Migrations, openDatabase } from './index.ts';
import { MAX_CACHED_STATEMENTS, StatementCache } from './statements.ts';

interface Tables {
  note: { id: Generated<number>; text: string; done: number | boolean };
}

const migrations: Migrations = {
  '001-note': async (db) => {
    await db.schema
      .createTable('note')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('text', 'text', (column) => column.notNull().unique())
      .addColumn('done', 'integer', (column) => column.notNull())
      .execute();
  },
};

let folder: string;
let count = 0;
const fresh = (): string => join(folder, `store-${count++}.db`);

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-sqlite-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function opened(path = fresh()): Promise<Database<Tables>> {
  const store = openDatabase<Tables>(path);
  await store.migrate(migrations);
  return store;
}

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;

describe('a store on disk', () => {
  it('is durable, checks foreign keys, and belongs to its owner alone', async () => {
    const path = fresh();
    using store = await opened(path);
    const pragma = (name: string) => Object.values(store.raw.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    assert.deepEqual(['journal_mode', 'synchronous', 'foreign_keys', 'trusted_schema'].map(pragma), [
      'wal',
      2,
      1,
      0,
    ]);
    for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('takes back rights that a copy or a restore left open', async () => {
    const path = fresh();
    (await opened(path)).close();
    chmodSync(path, 0o644);
    using _store = await opened(path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('returns plain rows, counts changes, and stores booleans as 0 and 1', async () => {
    using store = await opened();
    const inserted = await store.db.insertInto('note').values({ text: 'a', done: true }).executeTakeFirst();
    assert.equal(inserted.insertId, 1n);
    assert.deepEqual(await store.db.selectFrom('note').selectAll().execute(), [
      { id: 1, text: 'a', done: 1 },
    ]);
    const returned = await store.db.updateTable('note').set({ done: false }).returning('id').execute();
    assert.deepEqual(returned, [{ id: 1 }]);
    const deleted = await store.db.deleteFrom('note').executeTakeFirst();
    assert.equal(deleted.numDeletedRows, 1n);
  });

  it('streams rows, and a reader that stops early leaves the file unlocked', async () => {
    using store = await opened();
    for (const text of ['a', 'b', 'c']) await store.db.insertInto('note').values({ text, done: 0 }).execute();
    const texts: string[] = [];
    for await (const row of store.db.selectFrom('note').select('text').orderBy('id').stream()) {
      texts.push(row.text);
      if (row.text === 'b') break;
    }
    assert.deepEqual(texts, ['a', 'b']);
    const checkpoint = store.raw.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
    assert.equal(checkpoint?.busy, 0);
  });

  it('prints no warning of its runtime', () => {
    const script = `const { openDatabase } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)}); openDatabase(':memory:').close();`;
    const out = execFileSync(
      process.execPath,
      ['--input-type=module', '-e', `process.on('warning', (w) => console.log(String(w)));${script}`],
      { encoding: 'utf8', env: {} },
    );
    assert.equal(out, '');
  });
});

describe('transactions', () => {
  it('hold the connection, so that a query from elsewhere waits and is not rolled back with them', async () => {
    using store = await opened();
    const gate = Promise.withResolvers<void>();
    const failing = store.db.transaction().execute(async (trx) => {
      await trx.insertInto('note').values({ text: 'inside', done: 0 }).execute();
      await gate.promise;
      throw new Error('changed my mind');
    });
    const outside = store.db.insertInto('note').values({ text: 'outside', done: 0 }).execute();
    gate.resolve();
    await assert.rejects(failing, /changed my mind/);
    await outside;
    const rows = await store.db.selectFrom('note').select('text').execute();
    assert.deepEqual(rows, [{ text: 'outside' }]);
  });

  it('run one after the other in the order they were asked for', async () => {
    using store = await opened();
    const order: string[] = [];
    await Promise.all(
      ['a', 'b', 'c'].map((text) =>
        store.db.transaction().execute(async (trx) => {
          order.push(`${text} begins`);
          await trx.insertInto('note').values({ text, done: 0 }).execute();
          order.push(`${text} ends`);
        }),
      ),
    );
    assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('roll back to a savepoint and keep the rest', async () => {
    using store = await opened();
    const trx = await store.db.startTransaction().execute();
    await trx.insertInto('note').values({ text: 'kept', done: 0 }).execute();
    const saved = await trx.savepoint('half').execute();
    await saved.insertInto('note').values({ text: 'dropped', done: 0 }).execute();
    await saved.rollbackToSavepoint('half').execute();
    await trx.commit().execute();
    assert.deepEqual(await store.db.selectFrom('note').select('text').execute(), [{ text: 'kept' }]);
  });

  it('leave a broken constraint as the caller can recognise it', async () => {
    using store = await opened();
    await store.db.insertInto('note').values({ text: 'a', done: 0 }).execute();
    await assert.rejects(
      store.db.insertInto('note').values({ text: 'a', done: 0 }).execute(),
      (error: Error & { errcode?: number }) => error.errcode === 2067,
    );
  });
});

describe('prepared statements', () => {
  it('are kept up to their bound, the least recently used one going first', () => {
    using store = openDatabase(':memory:');
    const cache = new StatementCache(store.raw);
    const first = cache.get('select 0');
    for (let index = 1; index < MAX_CACHED_STATEMENTS; index++) cache.get(`select ${index}`);
    assert.equal(cache.get('select 0'), first);
    cache.get('select -1');
    assert.equal(cache.size, MAX_CACHED_STATEMENTS);
    assert.equal(cache.get('select 0'), first);
  });
});

describe('migrations', () => {
  it('apply once, in order of name, from several lists', async () => {
    using store = openDatabase<Tables>(fresh());
    const order: string[] = [];
    const step = (name: string): Migrations => ({ [name]: async () => void order.push(name) });
    assert.deepEqual(await store.migrate(step('b-2'), step('a-1')), { applied: ['a-1', 'b-2'] });
    assert.deepEqual(await store.migrate(step('b-2'), step('a-1')), { applied: [] });
    assert.deepEqual(order, ['a-1', 'b-2']);
  });

  it('keep nothing of a step that failed half way', async () => {
    using store = openDatabase<Tables>(fresh());
    const broken: Migrations = {
      '001-broken': async (db) => {
        await db.schema.createTable('half').addColumn('id', 'integer').execute();
        throw new Error('second half failed');
      },
    };
    await assert.rejects(store.migrate(broken), hasCode('STORE_MIGRATION_FAILED'));
    assert.equal(store.raw.prepare("select 1 from sqlite_schema where name = 'half'").get(), undefined);
    assert.deepEqual(await store.migrate(migrations), { applied: ['001-note'] });
  });

  it('store/two migrations of one name: refused', async () => {
    using store = openDatabase<Tables>(fresh());
    await assert.rejects(store.migrate(migrations, migrations), hasCode('STORE_MIGRATION_FAILED'));
  });

  it('store/a database of a newer version: refused', async () => {
    const path = fresh();
    using store = await opened(path);
    await assert.rejects(store.migrate({}), (error: { code: string; fix: string; details: unknown }) => {
      assert.equal(error.code, 'STORE_NEWER');
      assert.match(error.fix, /version that wrote it/);
      assert.deepEqual(error.details, { migrations: ['001-note'] });
      return true;
    });
  });
});

describe('a store that cannot be used', () => {
  it('store/a file that is not a database: refused', () => {
    const path = fresh();
    writeFileSync(path, 'not a database at all, '.repeat(100));
    assert.throws(() => openDatabase(path), hasCode('STORE_CORRUPT'));
  });

  it('store/a page that was overwritten: refused', async () => {
    const path = fresh();
    const store = await opened(path);
    for (let index = 0; index < 200; index++) {
      await store.db
        .insertInto('note')
        .values({ text: `${index}`.repeat(200), done: 0 })
        .execute();
    }
    store.close();
    execFileSync('dd', [
      'if=/dev/urandom',
      `of=${path}`,
      'bs=4096',
      'seek=2',
      'count=40',
      'conv=notrunc',
      'status=none',
    ]);
    using damaged = openDatabase<Tables>(path);
    await assert.rejects(damaged.db.selectFrom('note').selectAll().execute(), hasCode('STORE_CORRUPT'));
  });

  it('store/a link in place of the file: refused', () => {
    const path = fresh();
    symlinkSync(join(folder, 'elsewhere.db'), path);
    assert.throws(() => openDatabase(path), hasCode('STORE_UNAVAILABLE'));
    assert.equal(existsSync(join(folder, 'elsewhere.db')), false);
  });

  it('store/a directory that does not exist: refused', () => {
    assert.throws(() => openDatabase(join(folder, 'missing', 'state.db')), hasCode('STORE_UNAVAILABLE'));
  });

  it('store/a write through a connection that may only read: refused', async () => {
    const path = fresh();
    (await opened(path)).close();
    using store = openDatabase<Tables>(path, { readOnly: true });
    await assert.rejects(
      store.db.insertInto('note').values({ text: 'a', done: 0 }).execute(),
      hasCode('STORE_UNAVAILABLE'),
    );
    assert.deepEqual(await store.db.selectFrom('note').selectAll().execute(), []);
  });

  it('store/a transaction on a full disk: refused, rolled back, and the store works again after', async () => {
    using store = await opened();
    const pages = Number(store.raw.prepare('PRAGMA page_count').get()?.page_count);
    store.raw.exec(`PRAGMA max_page_count = ${pages + 2}`);
    const big = store.db.transaction().execute(async (trx) => {
      await trx.insertInto('note').values({ text: 'small', done: 0 }).execute();
      await trx
        .insertInto('note')
        .values({ text: 'x'.repeat(100_000), done: 0 })
        .execute();
    });
    await assert.rejects(big, hasCode('STORE_UNAVAILABLE'));
    await store.db.insertInto('note').values({ text: 'after', done: 0 }).execute();
    assert.deepEqual(await store.db.selectFrom('note').select('text').execute(), [{ text: 'after' }]);
  });

  it('store/a write while another process holds the lock: refused after the busy timeout', async () => {
    const path = fresh();
    using holder = await opened(path);
    using store = openDatabase<Tables>(path, { busyTimeoutMs: 20 });
    holder.raw.exec('begin immediate');
    await assert.rejects(
      store.db.insertInto('note').values({ text: 'a', done: 0 }).execute(),
      hasCode('STORE_BUSY'),
    );
    holder.raw.exec('rollback');
  });

  it('store/a query after close: refused', async () => {
    const store = await opened();
    await store.db.selectFrom('note').selectAll().execute();
    store.close();
    await assert.rejects(store.db.selectFrom('note').selectAll().execute(), hasCode('STORE_UNAVAILABLE'));
  });

  it('store/a disk that is really full: refused', () => {
    const mount = join(folder, 'tiny');
    mkdirSync(mount);
    const script = `
      const { openDatabase } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
      const store = openDatabase(${JSON.stringify(join(mount, 'state.db'))});
      store.raw.exec('create table blobs (bytes blob)');
      for (let n = 0; n < 1000; n++) {
        await store.db.insertInto('blobs').values({ bytes: new Uint8Array(8192) }).execute().catch((error) => {
          console.log(error.code); process.exit(0);
        });
      }`;
    const out = execFileSync(
      'unshare',
      [
        ...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
        '-m',
        'sh',
        '-c',
        'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"',
        mount,
        process.execPath,
        '--input-type=module',
        '-e',
        script,
      ],
      { encoding: 'utf8' },
    );
    assert.equal(out, 'STORE_UNAVAILABLE\n');
  });
});
