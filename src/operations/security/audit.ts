import { Type } from 'typebox';
import { SEVERITIES, worstFirst } from '../../kernel/index.ts';
import { type Caller, defineOperation } from '../define.ts';
import { FindingSchema, installFindings } from '../doctor/findings.ts';
import { orNull, strict } from '../schema.ts';
import type { DeepAuditReport, Services } from '../services.ts';

/** Attempts on the own listeners are on record, before and after, as those of drills are. */
async function triedAs({ subject, trace }: Caller, services: Services): Promise<DeepAuditReport> {
  const event = { type: 'drill', action: 'audit.deep', subject, trace } as const;
  await services.ledger.append({ ...event, outcome: 'started' });
  const report = await services.auditDeep();
  const { attempts, findings, listeners } = report;
  const outcome = findings.length === 0 ? 'success' : 'failure';
  await services.ledger.append({
    ...event,
    outcome,
    data: { attempts, listeners, findings: findings.map(({ id }) => id) },
  });
  return report;
}

export const securityAudit = defineOperation({
  id: 'security.audit',
  summary: 'Look for what makes this install easier to attack',
  description:
    "Every check of every control against the configuration and what was measured. Critical and warning findings carry the requirement that they are about. `--home` looks at an OpenClaw home instead, under OpenClaw's own check ids, and changes nothing there.",
  input: strict({
    deep: Type.Optional(
      Type.Boolean({
        description:
          'Also try the live listeners as a stranger, from several addresses; needs a running gateway.',
      }),
    ),
  }),
  output: strict({
    version: Type.String({ description: 'Version that answered.' }),
    worst: orNull(Type.Enum(SEVERITIES)),
    counts: Type.Record(Type.String(), Type.Integer(), {
      description: 'How many findings of each severity.',
    }),
    findings: Type.Array(FindingSchema, { description: 'The worst first.' }),
    deep: orNull(
      strict(
        {
          attempts: Type.Integer(),
          listeners: Type.Array(Type.String()),
          sources: Type.Array(
            Type.String({ description: '`loopback`: an address of its own for each attempt.' }),
          ),
        },
        { description: 'What was tried on the live listeners.' },
      ),
    ),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: ['DEEP_NOT_RUNNING'],
  cli: {
    command: 'security audit',
    examples: [
      'gatehouse security audit',
      'gatehouse security audit --json',
      'gatehouse security audit --deep',
      'gatehouse security audit --sarif > gatehouse.sarif',
      'gatehouse security audit --home ~/.openclaw',
    ],
    offline: true,
  },
  async run({ caller, services }, { deep = false }) {
    const tried = deep ? await triedAs(caller, services) : undefined;
    const findings = worstFirst([...(tried?.findings ?? []), ...(await installFindings(services))]);
    const counts: Record<string, number> = {};
    for (const severity of SEVERITIES)
      counts[severity] = findings.filter((one) => one.severity === severity).length;
    const { attempts = 0, listeners = [], sources = [] } = tried ?? {};
    return {
      version: services.runtime.version,
      worst: findings[0]?.severity ?? null,
      counts,
      findings,
      deep: tried === undefined ? null : { attempts, listeners, sources },
    };
  },
});
