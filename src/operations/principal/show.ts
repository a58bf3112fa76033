import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { TokenSchema } from '../token/schema.ts';
import { PrincipalSchema } from './schema.ts';

export const principalShow = defineOperation({
  id: 'principal.show',
  summary: 'Show a principal, its identities and its tokens',
  input: strict({ principal: name('Id or name.') }),
  output: strict({ principal: PrincipalSchema, tokens: Type.Array(TokenSchema) }),
  scope: 'operator.admin',
  effect: 'read',
  errors: ['AUTH_PRINCIPAL_UNKNOWN'],
  cli: {
    command: 'principal show',
    positional: ['principal'],
    examples: ['gatehouse principal show alice'],
    offline: true,
  },
  async run({ services }, input) {
    const principal = await services.auth.showPrincipal(input.principal);
    const tokens = (await services.auth.listTokens()).filter((token) => token.principal === principal.id);
    return { principal, tokens };
  },
});
