import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { ChatInput, IdentityInput, oneIdentityOf, PrincipalSchema } from './schema.ts';

export const principalUnbind = defineOperation({
  id: 'principal.unbind',
  summary: 'Let an identity stand for a principal no longer; connections that it proved end within a second',
  input: strict({ principal: name('Id or name.'), ...IdentityInput, ...ChatInput }),
  output: strict({ principal: PrincipalSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['AUTH_PRINCIPAL_UNKNOWN', 'AUTH_PRINCIPAL_INVALID', 'AUTH_IDENTITY_UNBOUND'],
  cli: {
    command: 'principal unbind',
    positional: ['principal'],
    examples: ['gatehouse principal unbind alice --chat telegram/123456789'],
    offline: true,
  },
  async run({ caller, services }, { principal, ...named }) {
    const identity = oneIdentityOf(named);
    return { principal: await services.auth.unbindIdentity(principal, identity, caller.principal) };
  },
});
