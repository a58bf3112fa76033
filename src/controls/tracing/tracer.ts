import { otlpBody } from './otlp.ts';
import { SpanMaker } from './spans.ts';
import type { SendSpans, Span, TracedRecord, TracingSettings } from './types.ts';

/** Spans that wait; what comes beyond is dropped and counted. Records of the ledger never are. */
export const MAX_WAITING_SPANS = 2_048;
/** Spans of one request. */
export const BATCH_SPANS = 256;
/** Milliseconds between two looks, and that one request may take. */
const FLUSH_MS = 2_000;
const SEND_MS = 10_000;
/** Requests of the same spans until they are dropped. */
const MAX_TRIES = 3;
/** Records of egress that one look reads. */
const EGRESS_STEP = 1_000;

export interface TracerParts {
  readonly settings: () => TracingSettings | undefined;
  readonly send: SendSpans;
  /** Records of egress behind a number, in their order. */
  readonly egressRecords: (after: number, limit: number) => Promise<readonly TracedRecord[]>;
  /** Number of the newest record of egress. */
  readonly egressHead: () => Promise<number>;
  readonly setTimer: (ms: number, run: () => void) => () => void;
}

/** Turns records into spans and hands them to a collector. Nothing waits for it, and nothing fails because of it. */
export class Tracer {
  readonly #parts: TracerParts;
  readonly #maker = new SpanMaker();
  readonly #waiting: Span[] = [];
  readonly #stop = new AbortController();
  #dropped = 0;
  #tries = 0;
  #egressAt: number | undefined;
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: TracerParts) {
    this.#parts = parts;
  }

  /** Spans that were lost since the process began. */
  get dropped(): number {
    return this.#dropped;
  }

  /** A span of a caller that a trace belongs below, said by a proxy that is listed. */
  parent(trace: string, spanId: string): void {
    if (this.#parts.settings() !== undefined) this.#maker.parent(trace, spanId);
  }

  /** One record of this process, after it is on disk. */
  record(record: TracedRecord): void {
    const settings = this.#parts.settings();
    if (settings === undefined) return;
    const made = this.#maker.of(record);
    if (made === undefined || !sampled(made.traceId, settings.sample)) return;
    if (this.#waiting.length >= MAX_WAITING_SPANS) this.#dropped += 1;
    else this.#waiting.push(made);
    this.#cancel ??= this.#parts.setTimer(FLUSH_MS, () => void this.flush());
  }

  /** Send what waits now. */
  flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#running ??= this.#flush()
      .catch(() => undefined)
      .finally(() => {
        this.#running = undefined;
        if (this.#waiting.length > 0 && !this.#stop.signal.aborted)
          this.#cancel ??= this.#parts.setTimer(FLUSH_MS, () => void this.flush());
      });
    return this.#running;
  }

  async start(): Promise<void> {
    this.#egressAt = await this.#parts.egressHead();
  }

  async stop(): Promise<void> {
    await this.flush();
    this.#stop.abort();
    this.#cancel?.();
  }

  async #flush(): Promise<void> {
    await this.#readEgress();
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      const settings = this.#parts.settings();
      const batch = this.#waiting.slice(0, BATCH_SPANS);
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(SEND_MS)]);
      const taken = settings === undefined || (await this.#parts.send(otlpBody(batch, settings), signal));
      this.#tries = taken ? 0 : this.#tries + 1;
      if (!taken && this.#tries < MAX_TRIES) return;
      if (!taken) this.#dropped += batch.length;
      this.#tries = 0;
      this.#waiting.splice(0, batch.length);
    }
  }

  /** Connections are in egress's own chain; they belong to the runs that this process has seen. */
  async #readEgress(): Promise<void> {
    const records = await this.#parts.egressRecords(this.#egressAt ?? 0, EGRESS_STEP);
    for (const record of records) this.record(record);
    this.#egressAt = records.at(-1)?.seq ?? this.#egressAt ?? 0;
  }
}

/** The same trace is sampled or not in every process: by its id alone. */
function sampled(traceId: string, share: number): boolean {
  return Number.parseInt(traceId.slice(0, 8), 16) < share * 2 ** 32;
}
