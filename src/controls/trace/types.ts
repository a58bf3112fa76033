import type { Ledger, LedgerEvent, LedgerType } from '../../kernel/index.ts';

import type { AnchorStatus } from './anchors/types.ts';
import type { OcsfSource } from './ocsf/source.ts';
import type { EvidenceCursor, EvidenceOrder, EvidencePage } from './proof/page.ts';
import type { RetentionOrder, RetiredPart } from './retention/order.ts';

export type { AnchorStatus, AnchorTarget } from './anchors/types.ts';
export type { ExportDestination } from './export/destination.ts';
export type { OcsfSource } from './ocsf/source.ts';
export type { EvidenceCursor, EvidenceOrder, EvidencePage } from './proof/page.ts';
export type { RetentionOrder, RetiredPart } from './retention/order.ts';

/** A stored record. `hash` covers every other field and the previous record's hash of the same writer. */
export interface LedgerRecord extends LedgerEvent {
  readonly writer: string;
  readonly seq: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly prev: string;
  readonly hash: string;
}

export interface LedgerQuery {
  /** Records at most; the last ones that agree are returned, in the order of writing. */
  readonly limit?: number;
  /** Unix milliseconds; only records that are later. */
  readonly after?: number;
  /** Unix milliseconds; only records that are earlier. */
  readonly before?: number;
  readonly type?: LedgerType;
  readonly action?: string;
  readonly trace?: string;
  readonly principal?: string;
  readonly agent?: string;
  readonly session?: string;
  readonly run?: string;
  readonly code?: string;
}

/** What a search asks for; a record must agree with each. */
export interface LedgerSearch extends Omit<LedgerQuery, 'limit'> {
  readonly writer?: string;
  readonly outcome?: LedgerEvent['outcome'];
  readonly rule?: string;
  readonly tool?: string;
  readonly channel?: string;
  readonly sender?: string;
  /** Address of a client or of what was connected to, exactly as it is recorded. */
  readonly address?: string;
  /** Stands somewhere in the record, upper and lower case alike. */
  readonly text?: string;
  readonly limit?: number;
  /** Where an earlier page ended. */
  readonly page?: number;
}

export interface SearchPage {
  /** In the order of writing. */
  readonly records: readonly LedgerRecord[];
  /** Where the next, older page goes on; null when everything was looked at. */
  readonly next: number | null;
}

/** `writer` is also `checkpoint`, `anchor` (seq is the line) or `ledger` (the file as a whole, seq 0). */
export interface LedgerProblem {
  readonly writer: string;
  readonly seq: number;
  readonly code:
    | 'LEDGER_EDITED'
    | 'LEDGER_MISSING'
    | 'LEDGER_REORDERED'
    | 'LEDGER_TRUNCATED'
    | 'LEDGER_SIGNATURE_BAD'
    | 'LEDGER_UNREADABLE';
  readonly message: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly records: number;
  readonly checkpoints: number;
  readonly writers: readonly { readonly writer: string; readonly head: number; readonly hash: string }[];
  readonly problems: readonly LedgerProblem[];
  /** Records after the last good checkpoint: chained, but not signed yet. */
  readonly unsigned: number;
  /** Problems beyond the bound of the list. */
  readonly problemsOmitted: number;
}

/** What happened how often within one hour. */
export interface Tally {
  /** Hours since 1970 in UTC. */
  readonly hour: number;
  readonly type: string;
  readonly action: string;
  readonly outcome: string;
  readonly code: string;
  /** Model, tool or class of egress; empty for everything else. */
  readonly detail: string;
  /** Only for calls of models. */
  readonly agent: string;
  readonly count: number;
  /** Tokens in and out of models; bytes sent and received by egress; milliseconds of tools, in the first. */
  readonly first: number;
  readonly second: number;
}

/** What did not pass the bound of one look. */
export interface Tallied {
  readonly tallies: readonly Tally[];
  readonly position: number;
}

/** How much there is, and how much of it is signed. */
export interface LedgerExtent {
  readonly heads: readonly { readonly writer: string; readonly seq: number }[];
  /** Records that no checkpoint covers. */
  readonly unsigned: number;
  /** When the oldest of them was written, and when the last checkpoint was made; Unix milliseconds. */
  readonly oldestUnsignedAt: number | null;
  readonly signedAt: number | null;
}

/** The process's own writer, plus reading and proving. */
export interface LedgerService extends Ledger {
  query(query: LedgerQuery): Promise<readonly LedgerRecord[]>;
  /** Records of one writer behind a number, in their order. */
  readWriter(writer: string, after: number, limit: number): Promise<readonly LedgerRecord[]>;
  /** Read from the ends of the chains alone. */
  extent(): Promise<LedgerExtent>;
  /** Counts of what stands behind a position, by hour; see `tally`. */
  tally(after: number, limit: number): Promise<Tallied>;
  /** Where the newest record stands, counted over all writers. */
  position(): Promise<number>;
  /** Records of one type behind a position, in the order of writing, and the position up to which was looked. */
  readType(
    type: LedgerType,
    after: number,
    limit: number,
  ): Promise<{ readonly records: readonly LedgerRecord[]; readonly position: number }>;
  /** The newest records that agree, page by page; looks at a bounded number of records per call. */
  search(search: LedgerSearch): Promise<SearchPage>;
  /** Records of all writers behind a place in the order of writing, and the last place; the newest when absent. */
  follow(
    place: number | undefined,
    limit: number,
  ): Promise<{ readonly records: readonly LedgerRecord[]; readonly place: number }>;
  get(writer: string, seq: number): Promise<LedgerRecord | undefined>;
  /** Signs what is there, and begins a file of evidence. */
  beginEvidence(order: EvidenceOrder, source: OcsfSource): Promise<EvidencePage>;
  continueEvidence(cursor: EvidenceCursor, source: OcsfSource): Promise<EvidencePage>;
  /** Take out what a policy says; needs the signing key. @throws LEDGER_CHECKPOINT_FAILED without it */
  retire(order: RetentionOrder): Promise<readonly RetiredPart[]>;
  /** Also against what other instances keep, when `remote`. */
  verify(options?: { readonly remote?: boolean }): Promise<VerifyReport>;
  /** Sign now and bring every anchor up to date. @throws LEDGER_CHECKPOINT_FAILED */
  anchor(): Promise<readonly AnchorStatus[]>;
  /** Sign the heads of all writers now; a no-op when nothing was written since. */
  checkpoint(): Promise<void>;
  onAppend(listener: (record: LedgerRecord) => void): () => void;
  /** Flush what is queued and write a last checkpoint. */
  close(): Promise<void>;
}
