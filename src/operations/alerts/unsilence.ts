import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';
import { SilenceSchema } from './schema.ts';

export const alertsUnsilence = defineOperation({
  id: 'alerts.unsilence',
  summary: 'End a silence now; alerts of the rule are told again from the next one on',
  input: strict({ id: Type.Integer({ minimum: 1, description: 'Number, as `alerts silences` shows it.' }) }),
  output: strict({ silence: SilenceSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['ALERTING_UNKNOWN'],
  cli: {
    command: 'alerts unsilence',
    positional: ['id'],
    examples: ['gatehouse alerts unsilence 3'],
    offline: true,
  },
  run: async ({ services, caller }, { id }) => ({
    silence: await services.alerting.unsilence(id, caller.principal.id),
  }),
});
