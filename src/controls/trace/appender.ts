import type { DatabaseSync } from 'node:sqlite';
import type { Clock, LedgerReceipt } from '../../kernel/index.ts';
import { LEDGER_CODES } from './codes.ts';
import {
  EVENT_COLUMNS,
  type EventFields,
  GENESIS,
  hashedValues,
  RECORD_DOMAIN,
  type RecordRow,
  recordHash,
  type Stored,
} from './record.ts';
import type { LogSync } from './wal-sync.ts';

/** Records that may wait for the next commit; more are refused, so that a flood cannot grow memory. */
export const MAX_QUEUED_RECORDS = 8192;
/** Milliseconds that a record which nobody waits for may wait for company. */
export const PATIENCE_MS = 100;
/** Records in one transaction. */
export const MAX_BATCH_RECORDS = 512;

/**
 * Turns of the event loop that a batch waits for the other process to finish its commit (some tenths of a
 * millisecond). SQLite's own waiting sleeps at least a millisecond and stops everything else meanwhile, so it comes
 * only after this.
 */
const MAX_POLITE_TRIES = 500;

/** SQLITE_BUSY (sqlite.org/rescode.html): another connection holds the write lock. */
const SQLITE_BUSY = 5;

interface Head {
  readonly seq: number;
  readonly hash: string;
}

interface Waiting {
  readonly fields: EventFields;
  resolve(receipt: LedgerReceipt): void;
  reject(error: unknown): void;
}

interface AppenderOptions {
  readonly raw: DatabaseSync;
  readonly writer: string;
  readonly clock: Pick<Clock, 'now'>;
  /** Called with what is now on disk, in order. */
  readonly onCommit: (rows: readonly RecordRow[]) => void;
  /** Syncs the log beside the event loop; absent lets SQLite sync every commit. */
  readonly sync?: LogSync | undefined;
}

/** Records that are committed, and durable as soon as the log is. */
interface Committed {
  readonly batch: readonly Waiting[];
  readonly rows: readonly RecordRow[];
}

/**
 * Adds records to one writer's chain. Everything that arrives in one turn of the event loop is one
 * transaction, and everything that is committed while the disk is busy becomes durable with the next sync, so that
 * many callers pay for one write to disk together and nobody else waits for it. A receipt is given out only after
 * the sync (attack 98).
 */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #insert;
  readonly #mark;
  #queue: Waiting[] = [];
  #flushing: NodeJS.Immediate | undefined;
  #patience: NodeJS.Timeout | undefined;
  #head: Head | undefined;
  #tries = 0;
  readonly #busyTimeoutMs: number;
  #sync: LogSync | undefined;
  #unsynced: Committed[] = [];
  #syncing: readonly Committed[] = [];
  #pending = 0;

  constructor(options: AppenderOptions) {
    const { raw, writer, sync } = options;
    this.#options = options;
    this.#sync = sync;
    const columns = ['writer', 'seq', 'at', 'prev', ...EVENT_COLUMNS, 'hash'];
    this.#insert = raw.prepare(
      `INSERT INTO records (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    );
    this.#mark = raw.prepare(
      `INSERT INTO heads (writer, seq, hash) VALUES (?, ?, ?)
       ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, hash = excluded.hash`,
    );
    this.#head = readHead(raw, writer);
    this.#busyTimeoutMs = Number(raw.prepare('PRAGMA busy_timeout').get()?.['timeout'] ?? 0);
  }

  /** @param patient goes with the next record that is not, or after PATIENCE_MS */
  append(fields: EventFields, patient = false): Promise<LedgerReceipt> {
    if (this.#pending >= MAX_QUEUED_RECORDS) {
      return Promise.reject(LEDGER_CODES.error('LEDGER_QUEUE_FULL'));
    }
    this.#pending += 1;
    return new Promise((resolve, reject) => {
      this.#queue.push({ fields, resolve, reject });
      if (!patient) this.#flushing ??= setImmediate(() => this.#drain());
      // A process that ends flushes; a timer alone does not keep it.
      else this.#patience ??= setTimeout(() => this.#drain(), PATIENCE_MS).unref();
    });
  }

  /** Write everything that waits now, however long the other process holds the lock. */
  flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    this.#tries = MAX_POLITE_TRIES;
    this.#drain();
    const left = [...this.#syncing, ...this.#unsynced];
    if (left.length === 0) return;
    this.#syncing = [];
    this.#unsynced = [];
    let failure: Error | null = null;
    try {
      this.#sync?.now();
    } catch (cause) {
      failure = cause as Error;
    }
    this.#settle(left, failure);
  }

  /** Nothing is written after this. */
  close(): void {
    this.flush();
    this.#sync?.close();
    this.#sync = undefined;
  }

  /** Write what waits; while another process is committing, come back in the next turn of the event loop. */
  #drain(): void {
    this.#flushing = undefined;
    clearTimeout(this.#patience);
    this.#patience = undefined;
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, MAX_BATCH_RECORDS);
      if (!this.#lock()) {
        this.#tries += 1;
        this.#flushing = setImmediate(() => this.#drain());
        return;
      }
      this.#tries = 0;
      this.#queue = this.#queue.slice(batch.length);
      this.#commit(batch);
    }
  }

  /** Whether the transaction has begun or failed for good; false while it is worth trying again. */
  #lock(): boolean {
    const { raw } = this.#options;
    const polite = this.#tries < MAX_POLITE_TRIES;
    if (!polite) return true;
    try {
      raw.exec('PRAGMA busy_timeout = 0');
      this.#begin();
      return true;
    } catch (thrown) {
      return (thrown as { errcode?: unknown }).errcode !== SQLITE_BUSY;
    } finally {
      raw.exec(`PRAGMA busy_timeout = ${this.#busyTimeoutMs}`);
    }
  }

  /** Where the log is synced beside us, this commit does not wait for it; what others commit here still does. */
  #begin(): void {
    const { raw } = this.#options;
    if (this.#sync !== undefined) raw.exec('PRAGMA synchronous = NORMAL');
    try {
      raw.exec('BEGIN IMMEDIATE');
    } catch (thrown) {
      raw.exec('PRAGMA synchronous = FULL');
      throw thrown;
    }
  }

  #commit(batch: readonly Waiting[]): void {
    let rows: readonly RecordRow[];
    try {
      rows = this.#write(batch);
    } catch (cause) {
      this.#reject(batch, cause);
      return;
    }
    if (this.#sync === undefined) return this.#settle([{ batch, rows }], null);
    this.#unsynced.push({ batch, rows });
    this.#startSync();
  }

  /** One sync at a time; what is committed meanwhile goes with the next one. */
  #startSync(): void {
    if (this.#sync === undefined || this.#syncing.length > 0 || this.#unsynced.length === 0) return;
    const group = this.#unsynced;
    this.#unsynced = [];
    this.#syncing = group;
    this.#sync.start((cause) => {
      // Settled meanwhile by a flush.
      if (this.#syncing !== group) return;
      this.#syncing = [];
      this.#settle(group, cause);
      this.#startSync();
    });
  }

  #settle(group: readonly Committed[], cause: Error | null): void {
    if (cause !== null) {
      // After a failed sync the kernel may call lost pages clean: from here on SQLite syncs, and finds out by itself.
      this.#sync?.close();
      this.#sync = undefined;
      for (const { batch } of [...group, ...this.#unsynced.splice(0)]) this.#reject(batch, cause);
      return;
    }
    const { writer, onCommit } = this.#options;
    for (const { batch, rows } of group) {
      this.#pending -= batch.length;
      batch.forEach((waiting, index) => {
        const row = rows[index];
        if (row !== undefined) waiting.resolve({ writer, seq: row.seq, hash: row.hash });
      });
      onCommit(rows);
    }
  }

  #reject(batch: readonly Waiting[], cause: unknown): void {
    this.#pending -= batch.length;
    for (const waiting of batch) {
      waiting.reject(LEDGER_CODES.error('LEDGER_WRITE_FAILED', undefined, { cause }));
    }
  }

  /**
   * A commit that failed may still have reached the disk, so the head is forgotten before it and read again
   * by the next one: the chain always goes on from what is really stored.
   */
  #write(batch: readonly Waiting[]): readonly RecordRow[] {
    const { raw, writer } = this.#options;
    try {
      if (!raw.isTransaction) this.#begin();
      let head = this.#head ?? readHead(raw, writer);
      this.#head = undefined;
      const rows = batch.map(({ fields }) => {
        const row = this.#chain(head, fields);
        head = row;
        return row;
      });
      this.#mark.run(writer, head.seq, head.hash);
      raw.exec('COMMIT');
      this.#head = { seq: head.seq, hash: head.hash };
      return rows;
    } catch (thrown) {
      if (raw.isOpen && raw.isTransaction) raw.exec('ROLLBACK');
      throw thrown;
    } finally {
      if (raw.isOpen) raw.exec('PRAGMA synchronous = FULL');
    }
  }

  #chain(head: Head, fields: EventFields): RecordRow {
    const { writer, clock } = this.#options;
    const seq = head.seq + 1;
    const at = Math.trunc(clock.now());
    const values = hashedValues(writer, seq, at, head.hash, fields);
    const hash = recordHash(values);
    this.#insert.run(...values.slice(1), hash);
    return { ...fields, writer, seq, at, prev: head.hash, hash };
  }
}

/**
 * Where a writer's chain ends. Throws LEDGER_DAMAGED when the last record is not the one that was marked with
 * it in the same transaction: adding to it would bury what somebody changed.
 */
function readHead(raw: DatabaseSync, writer: string): Head {
  const marked = raw.prepare('SELECT seq, hash FROM heads WHERE writer = ?').get(writer);
  const statement = raw.prepare(
    `SELECT '${RECORD_DOMAIN}', writer, seq, at, prev, ${EVENT_COLUMNS.join(', ')}, hash
     FROM records WHERE writer = ? ORDER BY seq DESC LIMIT 1`,
  );
  statement.setReturnArrays(true);
  const last = statement.get(writer) as unknown as Stored[] | undefined;
  if (marked === undefined && last === undefined) return { seq: 0, hash: GENESIS };
  const hash = last?.at(-1);
  const intact =
    last !== undefined &&
    last[2] === marked?.seq &&
    hash === marked?.hash &&
    recordHash(last.slice(0, -1)) === hash;
  if (!intact) throw LEDGER_CODES.error('LEDGER_DAMAGED', undefined, { details: { writer } });
  return { seq: Number(last[2]), hash: String(hash) };
}
