import type { Duplex } from 'node:stream';
import type { LedgerRecord } from '../types.ts';
import type { HttpDestination, NetworkDestination } from './destination.ts';

/** A record with its place in the ledger's order of writing. */
export interface PlacedRecord {
  readonly id: number;
  readonly record: LedgerRecord;
}

/** Reads the ledger that other processes write. */
export interface LedgerReader {
  /** The next records behind a place, in the order of writing. */
  after(id: number, limit: number): readonly PlacedRecord[];
  /** Hash of the record at a place; undefined when there is none. */
  hashAt(id: number): string | undefined;
  /** How many records lie behind a place, and the time of the first (Unix milliseconds). */
  waiting(id: number): { readonly count: number; readonly oldestAt: number | null };
  close(): void;
}

/** A connection that egress opened, checked and recorded. */
export interface ExportConnection {
  readonly stream: Duplex;
  /** Bytes that the other side's kernel has not confirmed; undefined where that cannot be known. */
  unconfirmed(): number | undefined;
}

/** What delivery needs of the process that it runs in. */
export interface ExportTransport {
  /** @throws what egress refuses with */
  connect(destination: NetworkDestination): Promise<ExportConnection>;
  /** The Authorization header of a destination, or undefined when it has none. @throws SECRET_* */
  authorization(destination: HttpDestination): string | undefined;
}

/** Something that takes records of one destination. */
export interface Sink {
  /**
   * Hand records over. Resolves when the next may be handed over; `settled` resolves once the other side has these,
   * and rejects when that will not happen on this connection.
   */
  send(batch: readonly LedgerRecord[]): Promise<{ readonly settled: Promise<void> }>;
  close(): void;
}
