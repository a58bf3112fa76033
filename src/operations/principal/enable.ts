import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { PrincipalSchema } from './schema.ts';

export const principalEnable = defineOperation({
  id: 'principal.enable',
  summary: 'Let a disabled principal in again',
  input: strict({ principal: name('Id or name.') }),
  output: strict({ principal: PrincipalSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: ['AUTH_PRINCIPAL_UNKNOWN', 'AUTH_APPROVER_SCOPES'],
  cli: {
    command: 'principal enable',
    positional: ['principal'],
    examples: ['gatehouse principal enable alice'],
    offline: true,
  },
  async run({ caller, services }, { principal }) {
    return { principal: await services.auth.enablePrincipal(principal, caller.principal) };
  },
});
