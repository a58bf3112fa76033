import { setTimeout as delay } from 'node:timers/promises';
import {
  type Alerts,
  asGatehouseError,
  type Clock,
  type GatehouseError,
  type Ledger,
} from '../../../kernel/index.ts';
import type { LedgerRecord } from '../types.ts';
import { EXPORT_CODES } from './codes.ts';
import type { Cursor } from './cursor.ts';
import type { ExportDestination } from './destination.ts';
import type { LedgerReader, PlacedRecord, Sink } from './types.ts';

/** Records handed over at once, and batches that may be on the way unconfirmed. */
export const BATCH_RECORDS = 200;
export const MAX_ON_THE_WAY = 8;
/** Milliseconds between two tries; doubled up to the longest, each with up to a quarter more by chance. */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 60_000;
/** Milliseconds that records which delivery itself causes wait for company. */
export const OWN_RECORDS_MS = 60_000;
/** The principal under which egress records the connections of delivery. */
export const TELEMETRY_PRINCIPAL = 'telemetry';

export interface WorkerParts {
  readonly destination: ExportDestination;
  readonly sink: Sink;
  readonly cursor: Cursor;
  readonly reader: LedgerReader;
  readonly ledger: Pick<Ledger, 'append'>;
  readonly alerts: Alerts;
  readonly clock: Clock;
}

interface OnTheWay {
  readonly last: PlacedRecord;
  readonly settled: Promise<void>;
}

export interface WorkerState {
  readonly failure: GatehouseError | undefined;
  /** Unix milliseconds; undefined while nothing failed. */
  readonly nextTryAt: number | undefined;
}

/** Whether a record is about delivery itself: sent alone, it would cause the next one for ever. */
function isOwn({ type, data, action }: LedgerRecord): boolean {
  return (type === 'egress' && data?.['via'] === 'telemetry') || action === 'ledger.export-recovered';
}

/**
 * Delivers the ledger to one destination, in the order of writing, at least once. Nothing is held but the batches on
 * the way: whatever fails, reading begins again behind the last record that is known to be delivered.
 */
export class ExportWorker {
  readonly #parts: WorkerParts;
  readonly #ended = new AbortController();
  #wake: (() => void) | undefined;
  #position: number;
  #onTheWay: OnTheWay[] = [];
  #broken: GatehouseError | undefined;
  #failure: GatehouseError | undefined;
  #nextTryAt: number | undefined;
  #retryMs = FIRST_RETRY_MS;
  #batch = BATCH_RECORDS;
  /** Monotonic milliseconds since which records wait without any being delivered. */
  #waitingSince: number | undefined;
  #ownSince: number | undefined;
  #lagging = false;
  #running: Promise<void> | undefined;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#position = parts.cursor.state.id;
  }

  get state(): WorkerState {
    return { failure: this.#failure, nextTryAt: this.#nextTryAt };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something was written, or time has passed. */
  poke(): void {
    this.#watchLag();
    this.#wake?.();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    this.#wake?.();
    this.#parts.sink.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        await this.#step();
      } catch (thrown) {
        if (this.#ended.signal.aborted) return;
        await this.#failed(asGatehouseError(thrown));
      }
    }
  }

  async #step(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    const { reader, sink } = this.#parts;
    const batch = reader.after(this.#position, this.#batch);
    const last = batch.at(-1);
    if (last === undefined || this.#waitsForCompany(batch)) return this.#idle();
    this.#ownSince = undefined;
    this.#waitingSince ??= this.#parts.clock.monotonic();
    const { settled } = await sink.send(batch.map(({ record }) => record));
    this.#position = last.id;
    const sent = { last, settled };
    this.#onTheWay.push(sent);
    settled.then(
      () => this.#settled(sent),
      (cause: unknown) => this.#break(sent, cause),
    );
    if (this.#onTheWay.length >= MAX_ON_THE_WAY) await this.#idle();
  }

  #waitsForCompany(batch: readonly PlacedRecord[]): boolean {
    if (batch.length >= this.#batch || !batch.every(({ record }) => isOwn(record))) return false;
    const now = this.#parts.clock.monotonic();
    this.#ownSince ??= now;
    return now - this.#ownSince < OWN_RECORDS_MS;
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
      if (this.#ended.signal.aborted || this.#broken !== undefined) this.#wake();
    });
  }

  /** Batches settle in their order; a later one that settles first waits for those before it. */
  #settled(sent: OnTheWay): void {
    const index = this.#onTheWay.indexOf(sent);
    if (index < 0) return;
    const passed = this.#onTheWay.slice(0, index + 1);
    const { cursor, clock } = this.#parts;
    try {
      cursor.advance({ id: sent.last.id, hash: sent.last.record.hash }, clock.now());
    } catch (cause) {
      this.#break(
        sent,
        EXPORT_CODES.error('EXPORT_FILE_FAILED', 'the place of delivery cannot be kept', { cause }),
      );
      return;
    }
    this.#onTheWay = this.#onTheWay.slice(passed.length);
    this.#delivered();
    this.#wake?.();
  }

  #delivered(): void {
    this.#failure = undefined;
    this.#nextTryAt = undefined;
    this.#retryMs = FIRST_RETRY_MS;
    this.#batch = Math.min(this.#batch * 2, BATCH_RECORDS);
    this.#waitingSince = undefined;
    if (!this.#lagging) return;
    this.#lagging = false;
    const { destination, ledger } = this.#parts;
    ledger
      .append({
        type: 'process',
        action: 'ledger.export-recovered',
        outcome: 'success',
        data: { destination: destination.name },
      })
      .catch(() => undefined);
  }

  #break(sent: OnTheWay, cause: unknown): void {
    if (!this.#onTheWay.includes(sent)) return;
    this.#broken = asGatehouseError(cause);
    this.#wake?.();
  }

  async #failed(failure: GatehouseError): Promise<void> {
    const { cursor, clock, sink } = this.#parts;
    this.#broken = undefined;
    this.#onTheWay = [];
    this.#position = cursor.state.id;
    if (failure.code === 'EXPORT_RECORD_REFUSED' && this.#narrow(failure)) return;
    this.#failure = failure;
    sink.close();
    const told = Number(failure.details['retryMs'] ?? 0);
    const wait = Math.max(told, this.#retryMs * (1 + Math.random() / 4));
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
    this.#nextTryAt = clock.now() + wait;
    await delay(wait, undefined, { signal: this.#ended.signal, ref: false }).catch(() => undefined);
  }

  /** Find the one record that is refused, and pass over it with an alert; the others must not wait behind it. */
  #narrow(failure: GatehouseError): boolean {
    const { reader, cursor, clock, alerts, destination } = this.#parts;
    const [first] = reader.after(cursor.state.id, 1);
    if (first === undefined) return false;
    if (this.#batch > 1) {
      this.#batch = Math.ceil(this.#batch / 4);
      return true;
    }
    const { id, record } = first;
    try {
      cursor.advance({ id, hash: record.hash }, clock.now(), 1);
    } catch {
      return false;
    }
    this.#position = id;
    alerts.raise({
      rule: 'ledger.export-refused',
      code: failure.code,
      severity: 'high',
      title: `${destination.name} refuses record ${record.writer} ${record.seq}; it was passed over`,
      fix: `Look at it with: gatehouse ledger show ${record.writer} ${record.seq}. Ask whoever runs the collector why.`,
      key: `${destination.name} ${record.hash}`,
      data: { destination: destination.name, writer: record.writer, seq: record.seq, hash: record.hash },
    });
    return true;
  }

  #watchLag(): void {
    const { clock, destination, alerts, cursor, reader } = this.#parts;
    if (
      this.#waitingSince === undefined &&
      reader.after(cursor.state.id, 1).length > 0 &&
      this.#ownSince === undefined
    )
      this.#waitingSince = clock.monotonic();
    if (this.#lagging || this.#waitingSince === undefined) return;
    if (clock.monotonic() - this.#waitingSince < destination.lagMs) return;
    this.#lagging = true;
    alerts.raise({
      rule: 'ledger.export-lag',
      code: 'EXPORT_LAGGING',
      severity: 'high',
      title: `${destination.name} has taken no event for ${Math.round(destination.lagMs / 1_000)} s although some wait`,
      fix: 'Look at `gatehouse ledger export status`; nothing is lost, and delivery goes on by itself.',
      key: destination.name,
      data: {
        destination: destination.name,
        ...(this.#failure === undefined ? {} : { failure: this.#failure.code }),
      },
    });
  }
}
