import { once } from 'node:events';
import type { LedgerRecord } from '../types.ts';
import { EXPORT_CODES } from './codes.ts';
import { octetFramed, type SyslogHeader, syslogMessage } from './syslog.ts';
import type { ExportConnection, Sink } from './types.ts';

/**
 * Milliseconds that a connection has to stay sound after the bytes were taken until they count as delivered. Syslog
 * has no answer: a collector that died resets the connection well within this.
 */
export const SETTLE_MS = 1_000;
const LOOK_MS = 100;

interface Unsettled {
  readonly since: number;
  resolve(): void;
  reject(cause: unknown): void;
}

export interface SyslogParts {
  readonly header: SyslogHeader;
  readonly encode: (record: LedgerRecord) => string;
  readonly connect: () => Promise<ExportConnection>;
  /** Milliseconds that only go forward. */
  readonly monotonic: () => number;
}

/** Sends framed messages over one connection; whatever was not settled when it breaks is sent again. */
export class SyslogSink implements Sink {
  readonly #parts: SyslogParts;
  #connection: ExportConnection | undefined;
  #unsettled: Unsettled[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: SyslogParts) {
    this.#parts = parts;
  }

  async send(batch: readonly LedgerRecord[]): Promise<{ readonly settled: Promise<void> }> {
    const { header, encode, monotonic } = this.#parts;
    const { stream } = await this.#open();
    const frames = batch.map((record) => octetFramed(syslogMessage(record, encode(record), header)));
    const settled = new Promise<void>((resolve, reject) => {
      this.#unsettled.push({ since: monotonic(), resolve, reject });
    });
    // Whoever waits gets the rejection; nobody waiting is no reason to end the process.
    settled.catch(() => undefined);
    this.#look();
    if (!stream.write(Buffer.concat(frames)) && !stream.destroyed) {
      await Promise.race([once(stream, 'drain'), once(stream, 'close'), settled]).catch(() => undefined);
    }
    return { settled };
  }

  close(): void {
    this.#connection?.stream.destroy();
    this.#lost(undefined);
  }

  async #open(): Promise<ExportConnection> {
    if (this.#connection !== undefined) return this.#connection;
    const connection = await this.#parts.connect();
    const { stream } = connection;
    this.#connection = connection;
    const lost = (cause?: unknown): void => {
      if (this.#connection !== connection) return;
      stream.destroy();
      this.#lost(cause);
    };
    stream.on('error', lost);
    // A collector that ends its side takes nothing any more.
    stream.on('end', () => lost());
    stream.on('close', () => lost());
    stream.resume();
    if (stream.destroyed) lost();
    return connection;
  }

  #lost(cause: unknown): void {
    this.#connection = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const failure = EXPORT_CODES.error('EXPORT_CONNECTION_LOST', undefined, { cause });
    for (const { reject } of this.#unsettled.splice(0)) reject(failure);
  }

  #look(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#settle();
      if (this.#unsettled.length > 0) this.#look();
    }, LOOK_MS).unref();
  }

  /** Bytes that another machine's kernel has not confirmed may be lost with it. */
  #settle(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const pending = connection.stream.writableLength + (connection.unconfirmed() ?? 0);
    if (pending > 0) return;
    const now = this.#parts.monotonic();
    const done = this.#unsettled.filter(({ since }) => now - since >= SETTLE_MS);
    this.#unsettled = this.#unsettled.filter(({ since }) => now - since < SETTLE_MS);
    for (const { resolve } of done) resolve();
  }
}
