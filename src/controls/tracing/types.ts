/** One span, as OTLP sends it. Attributes hold ids, names of ours, codes and amounts; never content. */
export interface Span {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** Unix milliseconds. */
  readonly startAt: number;
  readonly endAt: number;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string | number>>;
}

/** A ledger record, as far as spans are made of it. */
export interface TracedRecord {
  readonly writer: string;
  readonly seq: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly type: string;
  readonly action: string;
  readonly outcome: string;
  readonly code?: string;
  readonly rule?: string;
  readonly trace?: string;
  readonly subject?: {
    readonly agent?: string;
    readonly session?: string;
    readonly run?: string;
    readonly tool?: string;
    readonly channel?: string;
  };
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface TracingSettings {
  /** Share of traces that are sent, 0 to 1. */
  readonly sample: number;
  readonly service: string;
  readonly version: string;
}

/** Takes one request body of OTLP/HTTP JSON. Whether it was taken; never throws. */
export type SendSpans = (body: string, signal: AbortSignal) => Promise<boolean>;
