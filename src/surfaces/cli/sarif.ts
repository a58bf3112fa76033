import type { Finding } from '../../kernel/index.ts';

/** SARIF 2.1.0 section 3.27.10: what a viewer sorts by. */
const LEVELS: Readonly<Record<Finding['severity'], 'error' | 'warning' | 'note'>> = {
  critical: 'error',
  high: 'error',
  warning: 'warning',
  low: 'note',
  info: 'note',
};

interface Source {
  readonly version: string;
  /** The file that the findings are about, for viewers that show one. */
  readonly uri: string;
}

/**
 * Findings as SARIF 2.1.0 (OASIS), for code scanning and for dashboards that read it. Results that are the same keep
 * the same fingerprint over runs, so that a viewer tells new ones from known ones.
 */
export function toSarif(findings: readonly Finding[], { version, uri }: Source): object {
  const rules = [...new Map(findings.map((finding) => [finding.id, finding])).values()];
  const text = (value: string) => ({ text: value });
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'gatehouse security audit',
            version,
            rules: rules.map(({ id, severity, fix, requirements, title, drill }) => ({
              id,
              shortDescription: text(title),
              help: text(fix),
              defaultConfiguration: { level: LEVELS[severity] },
              properties: {
                tags: ['security', ...requirements],
                ...(drill === undefined ? {} : { drill }),
              },
            })),
          },
        },
        results: findings.map(({ id, severity, title, expected, found, fix }) => ({
          ruleId: id,
          ruleIndex: rules.findIndex((rule) => rule.id === id),
          level: LEVELS[severity],
          message: text(`${title}. Expected: ${expected}. Found: ${found}. Fix: ${fix}`),
          locations: [{ physicalLocation: { artifactLocation: { uri } } }],
          partialFingerprints: { 'gatehouse/v1': `${id}:${title}` },
          properties: { severity },
        })),
      },
    ],
  };
}
