import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { PrincipalSchema } from './schema.ts';

export const principalDisable = defineOperation({
  id: 'principal.disable',
  summary: 'Stop every credential of a principal at once; its connections end within a second',
  input: strict({ principal: name('Id or name.') }),
  output: strict({ principal: PrincipalSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: ['AUTH_PRINCIPAL_UNKNOWN'],
  cli: {
    command: 'principal disable',
    positional: ['principal'],
    examples: ['gatehouse principal disable alice'],
    offline: true,
  },
  async run({ caller, services }, { principal }) {
    return { principal: await services.auth.disablePrincipal(principal, caller.principal) };
  },
});
