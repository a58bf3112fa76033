import type {
  Alert,
  Clock,
  Drill,
  DrillMark,
  DrillRange,
  Ledger,
  LedgerEvent,
  LedgerType,
  Logger,
  Random,
  Subject,
} from '../../kernel/index.ts';

/** A record as the engine needs it. */
export interface DrillRecord extends LedgerEvent {
  readonly writer: string;
  readonly seq: number;
  /** Unix milliseconds. */
  readonly at: number;
}

export interface DrillLedger extends Ledger {
  query(query: {
    readonly limit?: number;
    readonly type?: LedgerType;
    readonly after?: number;
    readonly before?: number;
  }): Promise<readonly DrillRecord[]>;
  onAppend(listener: (record: DrillRecord) => void): () => void;
}

export interface DrillAlerts {
  raise(alert: Alert): void;
  subscribe(listener: (alert: Alert) => void): () => void;
  label(drillOf: (alert: Alert) => string | undefined): () => void;
}

/** Something that a drill makes and that has to go when it ends, also after a crash. */
export interface Leftover {
  readonly run: string;
  readonly drill: string;
  /** Says how it is removed, for example `token`. */
  readonly kind: string;
  /** Names it for whoever removes it. */
  readonly ref: string;
}

/** What the composition gets to build the range of one drill. */
export interface RangeContext {
  readonly run: string;
  readonly drill: string;
  readonly caller: unknown;
  mark(): DrillMark;
  /** Write down what is about to be made. */
  willMake(kind: string, ref: string): Promise<void>;
  untilAlert: DrillRange['untilAlert'];
  readonly signal: AbortSignal;
}

/** The outside of one run: a prober process and the addresses that are lent to it. */
export interface DrillSession<Range extends DrillRange> {
  lend(address: string): () => void;
  range(context: RangeContext): Range;
  /** Resolves when an honest caller is served as ever. */
  healthy(): Promise<void>;
  close(): Promise<void>;
}

export interface DrillParts<Range extends DrillRange> {
  readonly drills: readonly Drill<Range>[];
  open(): Promise<DrillSession<Range>>;
  /** Kind of a leftover → how it is removed; a thing that is gone already is no failure. */
  readonly removers: Readonly<Record<string, (ref: string) => Promise<void>>>;
  readonly leftovers: LeftoverStore;
  readonly ledger: DrillLedger;
  readonly alerts: DrillAlerts;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Milliseconds that an event or an alert may take; absent, `EVIDENCE_MS`. */
  readonly evidenceMs?: number;
}

export interface LeftoverStore {
  add(leftover: Leftover): Promise<void>;
  list(): Promise<readonly Leftover[]>;
  remove(leftover: Leftover): Promise<void>;
}

export interface AttemptResult {
  readonly tried: string;
  readonly refusedBy: { readonly code: string; readonly rule: string } | null;
  /** The record that followed, and milliseconds from the attempt to it. */
  readonly event: {
    readonly writer: string;
    readonly seq: number;
    readonly action: string;
    readonly code: string;
    readonly ms: number;
  } | null;
  readonly alert: { readonly rule: string; readonly title: string; readonly ms: number } | null;
  /** What is not as it must be; empty when the attempt was refused and noticed. */
  readonly problems: readonly string[];
  readonly note: string;
}

export interface DrillResult {
  readonly drill: string;
  readonly title: string;
  readonly status: 'passed' | 'failed' | 'not-applicable';
  /** Why it failed or cannot run; empty when it passed. */
  readonly why: string;
  readonly attempts: readonly AttemptResult[];
  /** Why by design no record follows; empty where one must. */
  readonly noEvent: string;
  /** Why by design no alert follows; empty where one must. */
  readonly noAlert: string;
  /** Milliseconds from the attempt until somebody was told, or it was on record where no alert is meant to follow. */
  readonly detectMs: number | null;
  /** Milliseconds from the end of the attempts until everything was as before. */
  readonly recoverMs: number | null;
}

export interface DrillReport {
  readonly run: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly by: string;
  readonly scheduled: boolean;
  readonly passed: number;
  readonly failed: number;
  readonly notApplicable: number;
  /** Something was proven and nothing failed. */
  readonly ok: boolean;
  readonly results: readonly DrillResult[];
}

/** Who asked for a run. */
export interface DrillOrder {
  /** Drills or controls; empty is all. */
  readonly names: readonly string[];
  readonly subject: Subject;
  /** Handed to the range, which calls operations as this caller. */
  readonly caller: unknown;
  readonly scheduled: boolean;
  readonly signal?: AbortSignal;
  onResult?(result: DrillResult): void;
}

/** A run as history tells it. */
export type PastRun = Omit<DrillReport, 'results'>;

export interface PastResult extends Omit<DrillResult, 'attempts' | 'title' | 'noEvent' | 'noAlert'> {
  readonly run: string;
  readonly at: number;
  readonly code: string;
  readonly rule: string;
}

/** What `drill run` and the schedule ask. */
export interface DrillService {
  /** @throws DRILL_UNKNOWN, DRILL_BUSY, DRILL_NOT_HERE */
  run(order: DrillOrder): Promise<DrillReport>;
  /** What the configuration schedules. @throws DRILL_NOT_SCHEDULED */
  scheduled(): readonly string[];
}
