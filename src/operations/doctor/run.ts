import { Type } from 'typebox';
import { type Finding, SEVERITIES, worstFirst } from '../../kernel/index.ts';
import { defineOperation } from '../define.ts';
import { name, orNull, strict } from '../schema.ts';
import { FindingSchema, installFindings } from './findings.ts';

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
    const findings = worstFirst([
      ...(await installFindings(services)),
      ...versionFinding(version, clientVersion),
    ]);
    return { version, worst: findings[0]?.severity ?? null, findings };
  },
});
