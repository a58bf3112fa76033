import { Type } from 'typebox';
import { seesAgent } from '../access.ts';
import { StandingSchema } from '../approvals/schema.ts';
import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';

export const standingList = defineOperation({
  id: 'standing.list',
  summary: 'List standing approvals: what they allow, until when, and how often they were used',
  input: strict({}),
  output: strict({ standing: Type.Array(StandingSchema) }),
  scope: 'operator.approvals',
  effect: 'read',
  errors: [],
  cli: { command: 'approvals standing list', examples: ['gatehouse approvals standing list'], offline: true },
  async run(context) {
    const all = await context.services.approvals.standings.list();
    return { standing: all.filter(({ agent }) => seesAgent(context, agent)) };
  },
});
