import { type Kysely, sql } from 'kysely';
import { STORE_CODES } from './codes.ts';
import { asStoreError } from './errors.ts';

/** Steps that bring a database to this version, by a name that sorts in the order they apply. */
export type Migrations = Readonly<Record<string, (db: Kysely<unknown>) => Promise<void>>>;

interface MigrationTables {
  gatehouse_migrations: { name: string; applied_at: number };
}

const TABLE = 'gatehouse_migrations';

/**
 * Apply what is missing, in order of name, each step in a transaction of its own together with its mark, so
 * that a process killed at any moment leaves whole steps. Two processes that start at once apply each step
 * once. Throws STORE_NEWER when the database knows a step that this version does not, and
 * STORE_MIGRATION_FAILED when a step fails or two lists use one name.
 */
export async function migrate(
  db: Kysely<unknown>,
  lists: readonly Migrations[],
): Promise<{ applied: string[] }> {
  const steps = joined(lists);
  const store = db as Kysely<MigrationTables>;
  await sql`create table if not exists ${sql.table(TABLE)} (name text primary key, applied_at integer not null) strict`.execute(
    store,
  );
  await refuseNewer(store, steps);
  const applied: string[] = [];
  for (const [name, up] of steps) {
    if (await applyStep(store, name, up)) applied.push(name);
  }
  return { applied };
}

function joined(lists: readonly Migrations[]): ReadonlyMap<string, Migrations[string]> {
  const steps = new Map<string, Migrations[string]>();
  for (const [name, up] of lists.flatMap((list) => Object.entries(list))) {
    if (steps.has(name)) {
      throw STORE_CODES.error('STORE_MIGRATION_FAILED', `two migrations are named ${name}`);
    }
    steps.set(name, up);
  }
  return new Map([...steps].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function refuseNewer(
  store: Kysely<MigrationTables>,
  steps: ReadonlyMap<string, unknown>,
): Promise<void> {
  const rows = await store.selectFrom(TABLE).select('name').execute();
  const unknown = rows.map((row) => row.name).filter((name) => !steps.has(name));
  if (unknown.length > 0) {
    throw STORE_CODES.error('STORE_NEWER', undefined, { details: { migrations: unknown.sort() } });
  }
}

async function applyStep(
  store: Kysely<MigrationTables>,
  name: string,
  up: Migrations[string],
): Promise<boolean> {
  try {
    return await store.transaction().execute(async (trx) => {
      const done = await trx.selectFrom(TABLE).select('name').where('name', '=', name).executeTakeFirst();
      if (done !== undefined) return false;
      await up(trx as unknown as Kysely<unknown>);
      await trx.insertInto(TABLE).values({ name, applied_at: sql<number>`unixepoch()` }).execute();
      return true;
    });
  } catch (thrown) {
    const mapped = asStoreError(thrown);
    if (mapped !== thrown) throw mapped;
    throw STORE_CODES.error(
      'STORE_MIGRATION_FAILED',
      `the database step ${name} failed; nothing of it was kept`,
      {
        cause: thrown,
      },
    );
  }
}
