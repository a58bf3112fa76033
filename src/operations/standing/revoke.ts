import { StandingSchema } from '../approvals/schema.ts';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { standingOf } from './access.ts';

export const standingRevoke = defineOperation({
  id: 'standing.revoke',
  summary: 'End a standing approval; the next command of its form asks again',
  input: strict({ name: name('Its name.') }),
  output: strict({ standing: StandingSchema }),
  scope: 'operator.approvals',
  effect: 'change',
  errors: ['OP_APPROVAL_NOT_FOUND'],
  cli: {
    command: 'approvals standing revoke',
    positional: ['name'],
    examples: ['gatehouse approvals standing revoke push-topic'],
    offline: true,
  },
  async run(context, input) {
    const { name: known } = await standingOf(context, input.name);
    const { standings } = context.services.approvals;
    return { standing: await standings.revoke(known, context.caller.subject) };
  },
});
