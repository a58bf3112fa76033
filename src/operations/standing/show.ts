import { StandingSchema } from '../approvals/schema.ts';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { standingOf } from './access.ts';

export const standingShow = defineOperation({
  id: 'standing.show',
  summary: 'Show one standing approval',
  input: strict({ name: name('Its name.') }),
  output: strict({ standing: StandingSchema }),
  scope: 'operator.approvals',
  effect: 'read',
  errors: ['OP_APPROVAL_NOT_FOUND'],
  cli: {
    command: 'approvals standing show',
    positional: ['name'],
    examples: ['gatehouse approvals standing show push-topic'],
    offline: true,
  },
  run: async (context, input) => ({ standing: await standingOf(context, input.name) }),
});
