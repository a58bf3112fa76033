import type { DatabaseSync } from 'node:sqlite';
import type { Clock, LedgerEvent, LedgerReceipt, LedgerType, Logger } from '../../kernel/index.ts';
import { type AnchorParts, type Anchors, createAnchors } from './anchors/service.ts';
import type { AnchorStatus } from './anchors/types.ts';
import { Appender } from './appender.ts';
import { extentOf, type PublicKeys } from './checkpoint.ts';
import { LEDGER_CODES } from './codes.ts';
import { type Redact, toFields } from './event.ts';
import { beginEvidence, continueEvidence } from './proof/write.ts';
import { getRecord, newestRow, queryRecords, readType, readWriter } from './query.ts';
import { type RecordRow, toRecord } from './record.ts';
import { applyRetention } from './retention/policy.ts';
import { recordsAfter, searchRecords } from './search.ts';
import { type CheckpointPace, type Schedule, type Sign, Signer } from './signer.ts';
import { prepareTables } from './tables.ts';
import { tally } from './tally.ts';
import type {
  EvidenceCursor,
  EvidenceOrder,
  EvidencePage,
  LedgerExtent,
  LedgerQuery,
  LedgerRecord,
  LedgerSearch,
  LedgerService,
  OcsfSource,
  RetentionOrder,
  RetiredPart,
  SearchPage,
  VerifyReport,
} from './types.ts';
import { verifyLedger } from './verify.ts';
import { openLogSync } from './wal-sync.ts';
import { lockWriter, type WriterLock } from './writer-lock.ts';

export interface LedgerOptions {
  /** A connection that nothing else uses; it stays open when the ledger is closed. */
  readonly raw: DatabaseSync;
  /** This process's name in the ledger: `gateway`, `egress` or `cli`. */
  readonly writer: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly redact: Redact;
  /** Absent in a process that cannot reach the signing key: another one signs its records. */
  readonly sign?: Sign;
  /** Keys that checkpoints may be signed with; without any, verification reports every signature as bad. */
  readonly publicKeys?: () => PublicKeys | Promise<PublicKeys>;
  /** Where signed checkpoints are kept a second time, best on other storage. */
  readonly anchorFile?: string;
  /** Further places where checkpoints are kept, and how other instances are called. */
  readonly anchors?: Omit<AnchorParts, 'raw' | 'clock'>;
  readonly logger?: Logger;
  readonly pace?: () => CheckpointPace;
  readonly schedule?: Schedule;
  /** Milliseconds to wait for another process of the same writer to end; default 0. */
  readonly lockWaitMs?: number;
}

/**
 * Open the ledger for one writer. Throws LEDGER_WRITER_BUSY when another process has that name, LEDGER_NEWER,
 * and LEDGER_DAMAGED when the end of the chain was changed.
 */
export function createLedger(options: LedgerOptions): LedgerService {
  const { raw, writer, lockWaitMs = 0 } = options;
  const lock = lockWriter(raw.location(), writer, lockWaitMs);
  try {
    prepareTables(raw);
    return new SqliteLedger(options, lock);
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

class SqliteLedger implements LedgerService {
  readonly #options: LedgerOptions;
  readonly #lock: WriterLock;
  readonly #appender: Appender;
  readonly #signer: Signer | undefined;
  readonly #anchors: Anchors | undefined;
  readonly #listeners = new Set<(record: LedgerRecord) => void>();
  #closing: Promise<void> | undefined;

  constructor(options: LedgerOptions, lock: WriterLock) {
    const { raw, writer, clock, sign, anchorFile, logger, pace, schedule = timer } = options;
    this.#options = options;
    this.#lock = lock;
    this.#appender = new Appender({
      raw,
      writer,
      clock,
      onCommit: (rows) => this.#committed(rows),
      sync: openLogSync(raw.location()),
    });
    const { anchors } = options;
    this.#anchors = anchors === undefined ? undefined : createAnchors({ ...anchors, raw, clock });
    if (sign === undefined) return;
    this.#signer = new Signer({
      raw,
      clock,
      sign,
      schedule,
      onStored: async () => void (await this.#anchors?.extend(true)),
      ...(anchorFile === undefined ? {} : { anchorFile }),
      ...(logger === undefined ? {} : { logger }),
      ...(pace === undefined ? {} : { pace }),
    });
  }

  async append(event: LedgerEvent, { patient = false } = {}): Promise<LedgerReceipt> {
    if (this.#closing !== undefined) throw LEDGER_CODES.error('LEDGER_CLOSED');
    return this.#appender.append(toFields(event, this.#options.redact), patient);
  }

  async query(query: LedgerQuery): Promise<readonly LedgerRecord[]> {
    return queryRecords(this.#options.raw, query, this.#options.redact);
  }

  async readWriter(writer: string, after: number, limit: number): Promise<readonly LedgerRecord[]> {
    return readWriter(this.#options.raw, writer, after, limit);
  }

  async extent(): Promise<LedgerExtent> {
    return extentOf(this.#options.raw);
  }

  async tally(after: number, limit: number) {
    return tally(this.#options.raw, after, limit);
  }

  async position(): Promise<number> {
    return newestRow(this.#options.raw);
  }

  async readType(type: LedgerType, after: number, limit: number) {
    return readType(this.#options.raw, type, after, limit);
  }

  async search(search: LedgerSearch): Promise<SearchPage> {
    return searchRecords(this.#options.raw, search, this.#options.redact);
  }

  async follow(place: number | undefined, limit: number) {
    return recordsAfter(this.#options.raw, place, limit);
  }

  async beginEvidence(order: EvidenceOrder, source: OcsfSource): Promise<EvidencePage> {
    const { raw, clock } = this.#options;
    // What is not signed yet could not be proven; without the key it is exported all the same, and says so.
    await this.checkpoint().catch(() => undefined);
    return beginEvidence(raw, order, source, clock.now());
  }

  async continueEvidence(cursor: EvidenceCursor, source: OcsfSource): Promise<EvidencePage> {
    return continueEvidence(this.#options.raw, cursor, source);
  }

  async retire(order: RetentionOrder): Promise<readonly RetiredPart[]> {
    const { raw, clock, sign } = this.#options;
    if (sign === undefined) throw LEDGER_CODES.error('LEDGER_CHECKPOINT_FAILED');
    await this.checkpoint();
    const done = await applyRetention({ raw, clock, sign, append: (event) => this.append(event) }, order);
    if (done.length > 0 && order.dryRun !== true) await this.checkpoint();
    return done;
  }

  async get(writer: string, seq: number): Promise<LedgerRecord | undefined> {
    return getRecord(this.#options.raw, writer, seq);
  }

  async verify({ remote = false } = {}): Promise<VerifyReport> {
    const { raw, publicKeys, anchorFile } = this.#options;
    const anchors = (this.#anchors?.read() ?? []).filter(({ kind }) => remote || kind !== 'gatehouse');
    return verifyLedger(raw, {
      publicKeys: (await publicKeys?.()) ?? {},
      anchors,
      ...(anchorFile === undefined ? {} : { anchorFile }),
    });
  }

  async anchor(): Promise<readonly AnchorStatus[]> {
    await this.checkpoint();
    return (await this.#anchors?.extend()) ?? [];
  }

  async checkpoint(): Promise<void> {
    await this.#signer?.checkpoint();
  }

  onAppend(listener: (record: LedgerRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#appender.close();
    await this.#signer?.close();
    this.#lock.release();
  }

  #committed(rows: readonly RecordRow[]): void {
    this.#signer?.added(rows.length);
    if (this.#listeners.size === 0) return;
    for (const record of rows.map(toRecord)) {
      for (const listener of this.#listeners) this.#tell(listener, record);
    }
  }

  /** The record is on disk whatever a listener does with it. */
  #tell(listener: (record: LedgerRecord) => void, record: LedgerRecord): void {
    try {
      listener(record);
    } catch (error) {
      this.#options.logger?.error('a listener of the ledger failed', { cause: String(error) });
    }
  }
}

const timer: Schedule = (milliseconds, task) => {
  const handle = setTimeout(task, milliseconds).unref();
  return () => clearTimeout(handle);
};
