import type { OcsfSource } from '../ocsf/source.ts';

/** Columns that may be redacted; what a record is about and when it was stays. */
export const REDACTABLE = ['data', 'sender', 'principal', 'session', 'channel', 'rule'] as const;
export type Redactable = (typeof REDACTABLE)[number];

/** What of the ledger is kept, and how long; absent times mean for ever (T5). */
export interface RetentionPolicy {
  /** Milliseconds after which records go. */
  readonly removeAfterMs?: number;
  /** Milliseconds after which the content of records goes, and in which columns. */
  readonly redactAfterMs?: number;
  readonly redact: readonly Redactable[];
  /** Folder in which records are kept as evidence before they go. */
  readonly archive?: string;
}

/** `trace.retention` as the configuration has it. */
export interface WrittenRetention {
  readonly removeAfterDays?: number;
  readonly redactAfterDays?: number;
  readonly redact?: readonly Redactable[];
  readonly archive?: boolean | string;
}

const DAY_MS = 86_400_000;

/** The policy that a configuration states; `state` is the folder beside which the archive is when none is named. */
export function retentionPolicy(written: WrittenRetention, state: string): RetentionPolicy {
  const { removeAfterDays, redactAfterDays, redact = ['data', 'sender'], archive = false } = written;
  const folder = archive === true ? `${state}/archive` : archive;
  return {
    ...(removeAfterDays === undefined ? {} : { removeAfterMs: removeAfterDays * DAY_MS }),
    ...(redactAfterDays === undefined ? {} : { redactAfterMs: redactAfterDays * DAY_MS }),
    redact: redactAfterDays === undefined ? [] : redact,
    ...(folder === false ? {} : { archive: folder }),
  };
}

export interface RetentionOrder {
  readonly policy: RetentionPolicy;
  readonly source: OcsfSource;
  /** Unix milliseconds: nothing that is as new as this goes, whatever the policy says. */
  readonly heldFrom?: number;
  /** Milliseconds of the ledger that go at most; absent for what an operator asks for. */
  readonly step?: number;
  /** Only say what would go. */
  readonly dryRun?: boolean;
}

export interface RetiredPart {
  readonly kind: 'removed' | 'redacted';
  readonly writer: string;
  readonly from: number;
  readonly to: number;
  /** SHA-256 of the archive; null when there is none. */
  readonly archive: string | null;
}
