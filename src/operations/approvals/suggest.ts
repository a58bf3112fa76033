import { Type } from 'typebox';
import { seesAgent } from '../access.ts';
import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';

const DEFAULT_LEAST = 5;

export const approvalsSuggest = defineOperation({
  id: 'approvals.suggest',
  summary:
    'Show what was asked often in 30 days and always allowed, as standing approvals that could be made',
  description:
    'A form is never wider than what was seen, and shells, interpreters and programs that run others get none.',
  input: strict({
    least: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: 1_000,
        description: `Asked at least so often; ${DEFAULT_LEAST} when absent.`,
      }),
    ),
  }),
  output: strict({
    suggestions: Type.Array(
      strict({
        agent: Type.String(),
        pattern: Type.String(),
        asked: Type.Integer(),
        examples: Type.Array(Type.String()),
        since: Type.Number({ description: 'Unix milliseconds of the first of them.' }),
      }),
    ),
  }),
  scope: 'operator.approvals',
  effect: 'read',
  errors: [],
  cli: { command: 'approvals suggest', examples: ['gatehouse approvals suggest --least 10'], offline: true },
  async run(context, { least = DEFAULT_LEAST }) {
    const found = await context.services.approvals.standings.suggest(least);
    const seen = found.filter(({ agent }) => seesAgent(context, agent));
    return { suggestions: seen.map((item) => ({ ...item, examples: [...item.examples] })) };
  },
});
