import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type TransactionSettings,
} from 'kysely';
import { asStoreError } from './errors.ts';
import { Mutex } from './mutex.ts';
import { type PreparedStatement, StatementCache } from './statements.ts';

/** Kysely over one `node:sqlite` connection. */
export class NodeSqliteDialect implements Dialect {
  readonly #raw: DatabaseSync;

  constructor(raw: DatabaseSync) {
    this.#raw = raw;
  }

  createDriver(): Driver {
    return new NodeSqliteDriver(this.#raw);
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new SqliteAdapter();
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new SqliteIntrospector(db);
  }
}

/**
 * There is one connection, and whoever begins a transaction holds it until the end, so that no other query
 * of this process can slip into somebody's transaction. A query that a transaction's own body sends past the
 * transaction would wait for itself: use the transaction's handle inside it.
 */
class NodeSqliteDriver implements Driver {
  readonly #raw: DatabaseSync;
  readonly #connection: NodeSqliteConnection;
  readonly #mutex = new Mutex();

  constructor(raw: DatabaseSync) {
    this.#raw = raw;
    this.#connection = new NodeSqliteConnection(raw);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.#mutex.lock();
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    this.#mutex.unlock();
  }

  /** A transaction that may write takes the write lock at once: an upgrade in the middle could only fail. */
  async beginTransaction(_: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    this.#command(settings.accessMode === 'read only' ? 'begin' : 'begin immediate');
  }

  async commitTransaction(): Promise<void> {
    this.#command('commit');
  }

  /** A full disk ends the transaction by itself; a second rollback would hide the first failure. */
  async rollbackTransaction(): Promise<void> {
    if (this.#raw.isOpen && this.#raw.isTransaction) this.#command('rollback');
  }

  async savepoint(_: DatabaseConnection, name: string): Promise<void> {
    this.#command(`savepoint ${quoted(name)}`);
  }

  async rollbackToSavepoint(_: DatabaseConnection, name: string): Promise<void> {
    this.#command(`rollback to ${quoted(name)}`);
  }

  async releaseSavepoint(_: DatabaseConnection, name: string): Promise<void> {
    this.#command(`release ${quoted(name)}`);
  }

  async destroy(): Promise<void> {
    this.#connection.forget();
    if (this.#raw.isOpen) this.#raw.close();
  }

  #command(sql: string): void {
    this.#connection.run(CompiledQuery.raw(sql));
  }
}

class NodeSqliteConnection implements DatabaseConnection {
  readonly #statements: StatementCache;

  constructor(raw: DatabaseSync) {
    this.#statements = new StatementCache(raw);
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.run<R>(query);
  }

  run<R>(query: CompiledQuery): QueryResult<R> {
    try {
      const prepared = this.#statements.get(query.sql);
      const parameters = query.parameters.map(bindable);
      return prepared.reads
        ? { rows: prepared.statement.all(...parameters).map((row) => ({ ...row }) as R) }
        : changed<R>(prepared, parameters);
    } catch (thrown) {
      throw asStoreError(thrown);
    }
  }

  /** A reader that stops early resets the statement, so that it keeps no lock on the file. */
  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    try {
      const { statement } = this.#statements.get(query.sql);
      for (const row of statement.iterate(...query.parameters.map(bindable)))
        yield { rows: [{ ...row } as R] };
    } catch (thrown) {
      throw asStoreError(thrown);
    }
  }

  forget(): void {
    this.#statements.clear();
  }
}

function changed<R>(prepared: PreparedStatement, parameters: readonly SQLInputValue[]): QueryResult<R> {
  const { changes, lastInsertRowid } = prepared.statement.run(...parameters);
  return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
}

/** SQLite has no booleans. Everything else that it cannot store is refused by SQLite itself. */
function bindable(value: unknown): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return value as SQLInputValue;
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
