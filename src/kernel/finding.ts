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
  /** Drill that proves on the live install that the fix holds; absent where no attempt could show it (D3). */
  readonly drill?: string;
}

/** From the least to the worst. */
export const SEVERITIES = ['info', 'low', 'warning', 'high', 'critical'] as const satisfies Severity[];

/** The worst first; findings of one severity stay in the order of the checks. */
export function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  const rank = ({ severity }: Finding) => SEVERITIES.indexOf(severity);
  return [...findings].sort((a, b) => rank(b) - rank(a));
}

/** Whether it counts against the install: reports end with another exit code from here on. */
export function isSeriousFinding({ severity }: Pick<Finding, 'severity'>): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf('warning');
}
