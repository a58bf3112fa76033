import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { TokenSchema } from './schema.ts';

export const tokenList = defineOperation({
  id: 'token.list',
  summary: 'List tokens with their scopes, owner and last use',
  input: NoInput,
  output: strict({ tokens: Type.Array(TokenSchema) }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: { command: 'token list', examples: ['gatehouse token list'], offline: true },
  async run({ services }) {
    return { tokens: await services.auth.listTokens() };
  },
});
