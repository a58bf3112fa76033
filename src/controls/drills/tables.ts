import { type Kysely, sql } from 'kysely';
import type { Leftover, LeftoverStore } from './types.ts';

interface LeftoverTable {
  run: string;
  drill: string;
  kind: string;
  ref: string;
}

export interface DrillTables {
  drill_leftovers: LeftoverTable;
}

async function createLeftovers(db: Kysely<unknown>): Promise<void> {
  await sql`create table drill_leftovers (
    run text not null,
    drill text not null,
    kind text not null,
    ref text not null,
    primary key (kind, ref))`.execute(db);
}

/** Steps of this folder's tables, by name, in the order they apply. */
export const migrations = { 'drills-001-leftovers': createLeftovers };

/** What drills made and did not remove yet. A row is there before the thing, and goes after it. */
export function leftoverStore(db: Kysely<DrillTables>): LeftoverStore {
  return {
    async add(leftover) {
      await db
        .insertInto('drill_leftovers')
        .values({ ...leftover })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },
    list: (): Promise<readonly Leftover[]> => db.selectFrom('drill_leftovers').selectAll().execute(),
    async remove({ kind, ref }) {
      await db.deleteFrom('drill_leftovers').where('kind', '=', kind).where('ref', '=', ref).execute();
    },
  };
}
