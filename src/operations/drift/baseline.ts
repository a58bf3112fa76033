import { defineOperation } from '../define.ts';
import { MAX_NAME_CHARS, strict, text } from '../schema.ts';
import { BaselineSchema } from './schema.ts';

export const driftBaseline = defineOperation({
  id: 'drift.baseline',
  summary: 'Sign what this install is now as what it should be',
  description:
    'Versions and digests of the program, the effective configuration, permissions of each agent, egress rules, listeners, principals, tokens, grants, models and open findings. Look at `doctor` first: what is wrong now becomes what is expected.',
  input: strict({
    ticket: text('Ticket that the review belongs to.', MAX_NAME_CHARS),
    reason: text('Who reviewed what, in one line.'),
  }),
  output: strict({ baseline: BaselineSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['EGRESS_UNAVAILABLE'],
  cli: {
    command: 'drift baseline',
    examples: ['gatehouse drift baseline --ticket OPS-51 --reason "reviewed after the upgrade"'],
    offline: false,
  },
  async run({ caller, services }, { ticket, reason }) {
    return { baseline: await services.drift.baseline({ author: caller.principal.id, ticket, reason }) };
  },
});
