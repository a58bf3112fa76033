import { pathToFileURL } from 'node:url';
import { type Finding, isSeriousFinding, SEVERITIES, worstFirst } from '../../kernel/index.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';

/** What both audits hand over: of this install by the gateway, of an OpenClaw home by this command itself. */
interface Report {
  readonly version: string;
  readonly worst: Finding['severity'] | null;
  readonly findings: readonly Finding[];
  /** Absent for a home that is only read. */
  readonly deep?: {
    readonly attempts: number;
    readonly listeners: readonly string[];
    readonly sources: readonly string[];
  } | null;
}

const ORDER = SEVERITIES.toReversed();

/** The files are read by whoever types the command, with no more rights than that account has. */
async function auditForeign(home: string, version: string): Promise<Report> {
  const [{ readOpenClawHome }, { auditOpenClaw }, { withProofs }] = await Promise.all([
    import('../../configuration/openclaw-home/home.ts'),
    import('../../configuration/openclaw-home/audit.ts'),
    import('../../operations/doctor/proofs.ts'),
  ]);
  const findings = withProofs(worstFirst(auditOpenClaw(readOpenClawHome(home, process.getuid?.() ?? 0))));
  return { version, worst: findings[0]?.severity ?? null, findings };
}

function summary(findings: readonly Finding[]): string {
  const counted = ORDER.map(
    (severity) => [severity, findings.filter((one) => one.severity === severity).length] as const,
  );
  return counted
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity}`)
    .join(', ');
}

/** `security audit`: the report as a table for people, as JSON, or as SARIF. Exit code 5 from warning on. */
export async function runAudit(
  { output, parts }: Command,
  given: GivenOptions,
  own: () => Promise<unknown>,
): Promise<number> {
  const home = typeof given['home'] === 'string' ? given['home'] : undefined;
  const report = home === undefined ? ((await own()) as Report) : await auditForeign(home, parts.version);
  const { findings } = report;
  if (given['sarif'] === true) {
    const { toSarif } = await import('./sarif.ts');
    const uri = pathToFileURL(home ?? parts.paths.config).href;
    output.document(toSarif(findings, { version: parts.version, uri }));
  } else if (output.json) output.document(report);
  else {
    const { findingLines } = await import('./render/reports.ts');
    output.lines(findingLines(findings, output.view));
    if (report.deep !== undefined && report.deep !== null) {
      const { attempts, listeners, sources } = report.deep;
      output.lines([
        '',
        `Tried as a stranger: ${attempts} attempts on ${listeners.length} listeners, from ${sources.join(', ')}.`,
      ]);
    }
    if (findings.length > 0) output.lines(['', `${findings.length} findings: ${summary(findings)}.`]);
  }
  return findings.some(isSeriousFinding) ? EXIT.findings : EXIT.ok;
}
