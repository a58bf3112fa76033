import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { TokenSchema } from './schema.ts';

export const tokenRevoke = defineOperation({
  id: 'token.revoke',
  summary: 'Revoke a token at once; its open connections end within a second',
  input: strict({ token: name('Id or name of the token, not the token itself.') }),
  output: strict({ summary: TokenSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: ['AUTH_TOKEN_UNKNOWN'],
  cli: {
    command: 'token revoke',
    positional: ['token'],
    examples: ['gatehouse token revoke laptop'],
    offline: true,
  },
  async run({ services }, { token }) {
    return { summary: await services.auth.revokeToken(token) };
  },
});
