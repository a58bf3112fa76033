/** OCSF events with the record in `unmapped.gatehouse`, or the records as they are. */
export type EvidenceFormat = 'ocsf' | 'json';

/** A part of one writer's chain, without a gap. */
export interface EvidenceRange {
  readonly writer: string;
  readonly from: number;
  readonly to: number;
  /** Hash of the record before `from`. */
  readonly prev: string;
}

export interface EvidenceOrder {
  readonly format: EvidenceFormat;
  /** Unix milliseconds; both ends count. */
  readonly since: number;
  readonly until: number;
}

/** Where an export goes on. It carries everything that the pages depend on, so that nothing is kept between them. */
export interface EvidenceCursor {
  readonly format: EvidenceFormat;
  readonly ranges: readonly EvidenceRange[];
  readonly place: number;
  readonly records: number;
}

export interface EvidencePage {
  readonly lines: readonly string[];
  readonly next: EvidenceCursor | null;
}
