import { Type } from 'typebox';
import { SEVERITIES, worstFirst } from '../../kernel/index.ts';
import { defineOperation } from '../define.ts';
import { FindingSchema, installFindings } from '../doctor/findings.ts';
import { NoInput, orNull, strict } from '../schema.ts';

export const securityAudit = defineOperation({
  id: 'security.audit',
  summary: 'Look for what makes this install easier to attack',
  description:
    "Every check of every control against the configuration and what was measured. Critical and warning findings carry the requirement that they are about. `--home` looks at an OpenClaw home instead, under OpenClaw's own check ids, and changes nothing there.",
  input: NoInput,
  output: strict({
    version: Type.String({ description: 'Version that answered.' }),
    worst: orNull(Type.Enum(SEVERITIES)),
    counts: Type.Record(Type.String(), Type.Integer(), {
      description: 'How many findings of each severity.',
    }),
    findings: Type.Array(FindingSchema, { description: 'The worst first.' }),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: {
    command: 'security audit',
    examples: [
      'gatehouse security audit',
      'gatehouse security audit --json',
      'gatehouse security audit --sarif > gatehouse.sarif',
      'gatehouse security audit --home ~/.openclaw',
    ],
    offline: true,
  },
  async run({ services }) {
    const findings = worstFirst(await installFindings(services));
    const counts: Record<string, number> = {};
    for (const severity of SEVERITIES)
      counts[severity] = findings.filter((one) => one.severity === severity).length;
    return { version: services.runtime.version, worst: findings[0]?.severity ?? null, counts, findings };
  },
});
