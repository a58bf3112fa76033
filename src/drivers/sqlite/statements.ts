import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Prepared statements kept per connection; the least recently used one goes first. */
export const MAX_CACHED_STATEMENTS = 128;

export interface PreparedStatement {
  readonly statement: StatementSync;
  /** Whether it returns rows (SELECT, RETURNING, PRAGMA). */
  readonly reads: boolean;
}

/** Statements by their text, bounded, so that SQL made from varying input cannot grow memory without end. */
export class StatementCache {
  readonly #raw: DatabaseSync;
  readonly #limit: number;
  readonly #statements = new Map<string, PreparedStatement>();

  constructor(raw: DatabaseSync, limit: number = MAX_CACHED_STATEMENTS) {
    this.#raw = raw;
    this.#limit = limit;
  }

  get size(): number {
    return this.#statements.size;
  }

  get(sql: string): PreparedStatement {
    const cached = this.#statements.get(sql);
    if (cached !== undefined) {
      this.#statements.delete(sql);
      this.#statements.set(sql, cached);
      return cached;
    }
    const statement = this.#raw.prepare(sql);
    const prepared = { statement, reads: statement.columns().length > 0 };
    this.#statements.set(sql, prepared);
    if (this.#statements.size > this.#limit) {
      const oldest = this.#statements.keys().next();
      if (oldest.done !== true) this.#statements.delete(oldest.value);
    }
    return prepared;
  }

  clear(): void {
    this.#statements.clear();
  }
}
