import type { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { type ConnectionOptions, openConnection } from './connection.ts';
import { NodeSqliteDialect } from './dialect.ts';
import { type Migrations, migrate } from './migrate.ts';

export { STORE_CODES } from './codes.ts';
export type { ConnectionOptions } from './connection.ts';
export type { Migrations } from './migrate.ts';

export interface Database<T> extends Disposable {
  readonly db: Kysely<T>;
  /** The same connection without Kysely; never leave a transaction open on it across an await. */
  readonly raw: DatabaseSync;
  /** Bring the database to this version; see `migrate`. */
  migrate(...lists: readonly Migrations[]): Promise<{ applied: string[] }>;
  /** Close the file. Queries after this fail with STORE_UNAVAILABLE. */
  close(): void;
}

/**
 * Open a store for Kysely; `:memory:` gives one that is gone when it is closed. Throws STORE_CORRUPT,
 * STORE_BUSY or STORE_UNAVAILABLE.
 */
export function openDatabase<T>(path: string, options: ConnectionOptions = {}): Database<T> {
  const raw = openConnection(path, options);
  const db = new Kysely<T>({ dialect: new NodeSqliteDialect(raw) });
  const close = (): void => {
    if (raw.isOpen) raw.close();
  };
  return {
    db,
    raw,
    migrate: (...lists) => migrate(db as Kysely<unknown>, lists),
    close,
    [Symbol.dispose]: close,
  };
}
