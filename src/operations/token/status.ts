import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { name, orNull, strict } from '../schema.ts';
import { ConsumerSchema, RotationSchema, TokenSchema } from './schema.ts';

export const tokenStatus = defineOperation({
  id: 'token.status',
  summary: 'Say who uses which version of a token, and whom to call before the old one stops',
  input: strict({ token: Type.Optional(name('Name of the token; all of them when absent.')) }),
  output: strict({
    versions: Type.Array(
      strict({
        token: TokenSchema,
        role: Type.Enum(['only', 'old', 'new']),
        rotation: orNull(RotationSchema),
        consumers: Type.Array(ConsumerSchema),
      }),
    ),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: ['AUTH_TOKEN_UNKNOWN'],
  cli: {
    command: 'token status',
    positional: ['token'],
    examples: ['gatehouse token status', 'gatehouse token status ci'],
    offline: true,
  },
  async run({ services }, { token }) {
    return { versions: await services.auth.tokenStatus(token) };
  },
});
