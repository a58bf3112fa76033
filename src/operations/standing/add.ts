import { Type } from 'typebox';
import { visibleAgent } from '../access.ts';
import { DurationText, durationMs, StandingSchema } from '../approvals/schema.ts';
import { defineOperation } from '../define.ts';
import { AgentId, strict } from '../schema.ts';

export const standingAdd = defineOperation({
  id: 'standing.add',
  summary: 'Answer every command of one narrow form in advance, for a time',
  description:
    'It answers what a rule asks about. It allows nothing that a rule denies, nothing that is not fully understood, and nothing to a session that has read untrusted content where that asks.',
  input: strict({
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$', description: 'A name to revoke it by.' }),
    pattern: Type.String({
      minLength: 1,
      maxLength: 1_000,
      description: 'Words of the command; `*` is one plain word that is no option.',
    }),
    agent: Type.Optional(AgentId),
    for: DurationText,
    reason: Type.String({ minLength: 8, maxLength: 500, description: 'Why, for the record.' }),
  }),
  output: strict({ standing: StandingSchema }),
  scope: 'operator.approvals',
  effect: 'high-impact',
  errors: [
    'OP_AGENT_UNKNOWN',
    'APPROVAL_STANDING_TOO_WIDE',
    'APPROVAL_STANDING_EXISTS',
    'APPROVAL_APPROVER_NOT_ALLOWED',
  ],
  cli: {
    command: 'approvals standing add',
    positional: ['name', 'pattern'],
    examples: [
      'gatehouse approvals standing add push-topic "git push origin *" --agent builder --for 30d --reason "reviewed as pull requests"',
    ],
    offline: false,
  },
  async run(context, { name, pattern, agent, for: time, reason }) {
    const wish = { name, pattern, agent: visibleAgent(context, agent), reason, forMs: durationMs(time) };
    return { standing: await context.services.approvals.standings.add(wish, context.caller.subject) };
  },
});
