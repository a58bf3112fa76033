import { type Kysely, sql } from 'kysely';

/** Where a token was found that nobody should find there. Times are Unix milliseconds. */
export interface ExposureTable {
  token: string;
  place: string;
  found_at: number;
  found_by: string;
}

export interface ExposureTables {
  auth_exposures: ExposureTable;
}

export async function createExposureTables(db: Kysely<unknown>): Promise<void> {
  await sql`create table auth_exposures (
    token text not null,
    place text not null,
    found_at bigint not null,
    found_by text not null,
    primary key (token, place))`.execute(db);
}
