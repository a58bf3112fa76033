import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { SilenceSchema } from './schema.ts';

export const alertsSilences = defineOperation({
  id: 'alerts.silences',
  summary: 'List the rules that are silenced now, by whom and until when',
  input: NoInput,
  output: strict({ silences: Type.Array(SilenceSchema) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: { command: 'alerts silences', examples: ['gatehouse alerts silences'], offline: true },
  run: async ({ services }) => ({ silences: await services.alerting.silences() }),
});
