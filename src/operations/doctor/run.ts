import { Type } from 'typebox';
import type { Finding } from '../../kernel/index.ts';
import { defineOperation } from '../define.ts';
import { name, orNull, strict } from '../schema.ts';
import type { Services } from '../services.ts';

const SEVERITIES = ['info', 'low', 'warning', 'high', 'critical'] as const satisfies Finding['severity'][];

const FindingSchema = strict({
  id: Type.String({ description: 'Stable code of the check.' }),
  severity: Type.Enum(SEVERITIES),
  title: Type.String(),
  expected: Type.String(),
  found: Type.String(),
  fix: Type.String(),
  requirements: Type.Array(Type.String()),
});

/** After an upgrade the old gateway keeps running until it is restarted, and answers with its own rules. */
function versionFinding(running: string, client: string | undefined): readonly Finding[] {
  if (client === undefined || client === running) return [];
  return [
    {
      id: 'DOCTOR_VERSION_DIFFERS',
      severity: 'warning',
      title: 'the running gateway is of another version than this command',
      expected: client,
      found: running,
      fix: 'gatehouse gateway restart',
      requirements: ['D2'],
    },
  ];
}

/** A file that does not hold is not what runs, and the next start would be refused because of it. */
async function fileFindings({ config }: Services): Promise<readonly Finding[]> {
  const { ok, issues } = await config.validate();
  if (ok) return [];
  return issues.map(({ code, path, message, fix }) => ({
    id: code,
    severity: 'high',
    title: `the configuration file is not valid: ${path === '' ? message : `${path}: ${message}`}`,
    expected: 'a file that the next start accepts',
    found: message,
    fix,
    requirements: ['D1'],
  }));
}

/** Egress comes back by itself; when even the shell that starts it again is gone, only a new start helps. */
function egressFinding(failing: readonly string[]): readonly Finding[] {
  if (!failing.includes('egress')) return [];
  return [
    {
      id: 'EGRESS_UNAVAILABLE',
      severity: 'high',
      title: 'egress does not answer, so no model and no host can be reached',
      expected: 'one egress process',
      found: 'none',
      fix: 'Wait ten seconds and look again. If it stays: gatehouse gateway stop, then start it, and read logs/egress.log.',
      requirements: ['E1'],
    },
  ];
}

export const doctorRun = defineOperation({
  id: 'doctor.run',
  summary: 'Check the install: configuration, files, sockets, sandbox, egress, versions',
  input: strict({
    clientVersion: Type.Optional(name('Version of the caller; the CLI sends its own.')),
  }),
  output: strict({
    version: Type.String({ description: 'Version that answered.' }),
    worst: orNull(Type.Enum(SEVERITIES)),
    findings: Type.Array(FindingSchema, { description: 'The worst first.' }),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: { command: 'doctor', examples: ['gatehouse doctor', 'gatehouse doctor --json'], offline: true },
  async run({ services }, { clientVersion }) {
    const { version } = services.runtime;
    const rank = (finding: Finding) => SEVERITIES.indexOf(finding.severity);
    const all = [
      ...(await services.runtime.findings()),
      ...(await fileFindings(services)),
      ...egressFinding(services.runtime.ready().failing),
      ...versionFinding(version, clientVersion),
    ];
    const findings = all.sort((a, b) => rank(b) - rank(a));
    return { version, worst: findings[0]?.severity ?? null, findings };
  },
});
