import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';

const Line = strict({
  scope: Type.String({ description: '`install`, `agent:ID`, `principal:ID` or `sender:CHANNEL:ID`.' }),
  measure: Type.Enum(['requests', 'tokens', 'money', 'runs', 'bytes']),
  period: Type.Enum(['minute', 'hour', 'day', 'month']),
  limit: Type.Number(),
  used: Type.Number(),
  reserved: Type.Number({ description: 'Set aside for what is under way.' }),
  resetsAt: Type.Number({ description: 'Unix milliseconds: the end of the period, in UTC.' }),
});

export const budgetShow = defineOperation({
  id: 'budget.show',
  summary: 'Show what may be used, what is used, and when counting begins anew',
  description:
    'Limits of the install always; those of agents, principals and senders once something was used under them.',
  input: strict({}),
  output: strict({
    lines: Type.Array(Line),
    unpriced: Type.Array(Type.String(), {
      description: 'Models that are refused because money is limited and nobody said what they cost.',
    }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'budget show',
    examples: ['gatehouse budget show', 'gatehouse budget show --json'],
    offline: true,
  },
  async run({ services }) {
    const models = services.config
      .current()
      .providers.flatMap(({ id, models: offered }) => offered.map((model) => `${id}/${model.id}`));
    return { lines: [...(await services.budget.show())], unpriced: [...services.budget.unpriced(models)] };
  },
});
