import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, orNull, strict } from '../schema.ts';
import { HoneytokenFields } from './schema.ts';

const MAX_ALERTS = 1_000;

export const honeytokenCheck = defineOperation({
  id: 'honeytoken.check',
  summary: 'Look whether planted credentials still lie where they were put, and when one was last used',
  input: NoInput,
  output: strict({
    honeytokens: Type.Array(
      strict({
        ...HoneytokenFields,
        state: Type.Enum(['in place', 'changed', 'gone']),
        lastUsedAt: orNull(Type.Number({ description: 'Unix milliseconds.' })),
        lastUsedIn: orNull(Type.String()),
      }),
    ),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: { command: 'honeytoken check', examples: ['gatehouse honeytoken check'], offline: true },
  async run({ services }) {
    const alerts = await services.alerts.list({ rule: 'honeytoken.used', limit: MAX_ALERTS });
    const honeytokens = services.honeytokens.check().map((token) => {
      const last = alerts.findLast(({ data }) => data?.['honeytoken'] === token.id);
      const where = last?.data?.['where'];
      return { ...token, lastUsedAt: last?.at ?? null, lastUsedIn: typeof where === 'string' ? where : null };
    });
    return { honeytokens };
  },
});
