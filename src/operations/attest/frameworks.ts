import type { AttestedControl } from '../../controls/trace/index.ts';

export const FRAMEWORKS = ['soc2', 'iso27001', 'nist-csf', 'owasp-agentic', 'atlas'] as const;
export type Framework = (typeof FRAMEWORKS)[number];

type Row = readonly [control: string, title: string, areas: readonly string[]];

/**
 * Which controls of a framework the areas of the posture matrix answer. Sources: AICPA TSC 2017 (2022 points of focus),
 * ISO/IEC 27001:2022 annex A, NIST CSF 2.0, OWASP Agentic AI Threats and Mitigations 1.0, MITRE ATLAS mitigations.
 */
const ROWS: Readonly<Record<Framework, readonly Row[]>> = {
  soc2: [
    ['CC6.1', 'Logical access security', ['credentials', 'sessions', 'execution']],
    ['CC6.2', 'Registration and authorisation of users', ['credentials', 'sessions']],
    ['CC6.6', 'Boundary protection', ['listen', 'egress']],
    ['CC6.7', 'Restriction of information movement', ['egress']],
    ['CC6.8', 'Prevention of unauthorised software', ['execution']],
    ['CC7.2', 'Monitoring for anomalies', ['ledger', 'checks']],
    ['CC8.1', 'Change management', ['changes', 'ledger']],
  ],
  iso27001: [
    ['A.5.15', 'Access control', ['credentials', 'sessions']],
    ['A.5.17', 'Authentication information', ['credentials']],
    ['A.8.2', 'Privileged access rights', ['credentials', 'high-risk operations']],
    ['A.8.15', 'Logging', ['ledger']],
    ['A.8.16', 'Monitoring activities', ['checks', 'ledger']],
    ['A.8.20', 'Networks security', ['listen', 'egress']],
    ['A.8.23', 'Web filtering', ['egress']],
    ['A.8.32', 'Change management', ['changes']],
  ],
  'nist-csf': [
    ['PR.AA-01', 'Identities and credentials are managed', ['credentials']],
    ['PR.AA-05', 'Access permissions follow least privilege', ['sessions', 'execution']],
    ['PR.IR-01', 'Networks are protected from unauthorised access', ['listen', 'egress']],
    ['PR.PS-04', 'Log records are generated', ['ledger']],
    ['DE.CM-01', 'Networks are monitored', ['listen', 'checks']],
    ['DE.CM-09', 'Computing and run-time are monitored', ['execution', 'checks']],
    ['RS.MA-01', 'Response is executed once an incident is declared', ['checks']],
  ],
  'owasp-agentic': [
    ['T2', 'Tool misuse', ['execution', 'high-risk operations']],
    ['T3', 'Privilege compromise', ['credentials', 'execution']],
    ['T6', 'Intent breaking and goal manipulation', ['high-risk operations']],
    ['T8', 'Repudiation and untraceability', ['ledger']],
    ['T9', 'Identity spoofing', ['credentials', 'listen']],
    ['T10', 'Overwhelming the human in the loop', ['high-risk operations']],
    ['T11', 'Unexpected remote code execution', ['execution']],
  ],
  atlas: [
    ['AML.M0005', 'Control access to models and data', ['credentials', 'sessions']],
    ['AML.M0019', 'Control access to models in production', ['listen', 'credentials']],
    ['AML.M0024', 'Telemetry logging', ['ledger']],
    ['AML.M0026', 'Privileged agent permissions', ['execution', 'egress']],
    ['AML.M0029', 'Human in the loop for agent actions', ['high-risk operations']],
    ['AML.M0030', 'Restrict agent tools on untrusted data', ['high-risk operations', 'execution']],
  ],
};

/** The controls of the chosen frameworks, each with whether all of its areas hold. */
export function controlsOf(
  frameworks: readonly Framework[],
  holds: ReadonlyMap<string, boolean>,
): readonly AttestedControl[] {
  return frameworks.flatMap((framework) =>
    ROWS[framework].map(([control, title, areas]) => ({
      framework,
      control,
      title,
      areas,
      // An area that nobody measured does not hold.
      holds: areas.every((area) => holds.get(area) === true),
    })),
  );
}
