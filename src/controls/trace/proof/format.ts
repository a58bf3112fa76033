import type { SignedCheckpoint } from '../checkpoint.ts';
import { EVENT_COLUMNS, type EventFields, hashedValues, type Stored } from '../record.ts';
import type { SignedRetirement } from '../retention/retirement.ts';
import type { LedgerRecord } from '../types.ts';
import type { EvidenceFormat, EvidenceRange } from './page.ts';

/** What the first and the last line of a file of evidence say that they are. */
export const EVIDENCE_FORMAT = 'gatehouse-ledger-evidence-1';
export const EVIDENCE_END = 'gatehouse-ledger-evidence-end-1';

/** First line: what the file holds, and the signature that covers it. */
export interface EvidenceHeader {
  readonly evidence: typeof EVIDENCE_FORMAT;
  /** `ocsf`: each line is an OCSF event with the record in `unmapped.gatehouse`. */
  readonly format: EvidenceFormat;
  /** Version of Gatehouse, and the host, that the events name. */
  readonly version: string;
  readonly hostname: string;
  /** Unix milliseconds: when it was made, and which time was asked for. */
  readonly createdAt: number;
  readonly since: number;
  readonly until: number;
  readonly ranges: readonly EvidenceRange[];
  /** Names where each chain ended at a later moment; null when nothing was signed yet. */
  readonly checkpoint: SignedCheckpoint | null;
  /** What policy took out of these ranges. */
  readonly retirements: readonly SignedRetirement[];
}

/** Last line. A file without it was cut off. */
export interface EvidenceEnd {
  readonly evidence: typeof EVIDENCE_END;
  readonly records: number;
}

/** The columns of a record, from what readers see of it. */
export function fieldsOf(record: LedgerRecord): EventFields {
  const { subject, data, authorityHash, ...rest } = record;
  const given: Readonly<Record<string, unknown>> = {
    ...rest,
    ...subject,
    authority: authorityHash,
    data: data === undefined ? undefined : JSON.stringify(data),
  };
  return Object.fromEntries(
    EVENT_COLUMNS.map((column) => [column, given[column] ?? null]),
  ) as unknown as EventFields;
}

/** Everything that a record's hash covers, from what readers see of it. */
export function valuesOf(record: LedgerRecord): readonly Stored[] {
  const { writer, seq, at, prev } = record;
  return hashedValues(writer, seq, at, prev, fieldsOf(record));
}
