import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { instant, name, page, SubjectSchema, strict } from '../schema.ts';

const DEFAULT_LIMIT = 50;

const AlertSchema = strict({
  writer: Type.String({ description: 'The process that raised it.' }),
  seq: Type.Integer({ description: 'Its record in the ledger, together with the writer.' }),
  at: Type.Number({ description: 'Unix milliseconds.' }),
  rule: Type.String({ description: 'What fired, for example auth.spike.' }),
  code: Type.String(),
  severity: Type.Enum(['critical', 'high', 'warning']),
  title: Type.String(),
  fix: Type.String({ description: 'What to do next.' }),
  repeats: Type.Integer({ description: 'How often it happened since the one before, without being told.' }),
  subject: Type.Optional(SubjectSchema),
  drill: Type.Optional(Type.String({ description: 'Run of drills that provoked it on purpose.' })),
  data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

export const alertsList = defineOperation({
  id: 'alerts.list',
  summary: 'List what needed a person: spikes of refused logins, sockets nobody declared, open channels',
  input: strict({
    since: Type.Optional(instant('Only alerts after this time.')),
    rule: Type.Optional(name('Only this rule, for example auth.spike.')),
    limit: Type.Optional(page(`Alerts at most; ${DEFAULT_LIMIT} when absent.`)),
  }),
  output: strict({ alerts: Type.Array(AlertSchema, { description: 'In the order of writing.' }) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'alerts list',
    examples: ['gatehouse alerts list --since 1h', 'gatehouse alerts list --rule auth.spike'],
    offline: true,
  },
  async run({ services }, { limit = DEFAULT_LIMIT, since, rule }) {
    const alerts = await services.alerts.list({
      limit,
      ...(since === undefined ? {} : { since }),
      ...(rule === undefined ? {} : { rule }),
    });
    return { alerts };
  },
});
