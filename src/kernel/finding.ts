export type Severity = 'info' | 'low' | 'warning' | 'high' | 'critical';

/** What a check reports: stable id, what was expected, what was found, and what to do. */
export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  readonly expected: string;
  readonly found: string;
  readonly fix: string;
  /** Requirement ids from the design that this finding is about. */
  readonly requirements: readonly string[];
}
