import { OP_CODES } from '../codes.ts';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { IdentityInput, identitiesOf, PrincipalSchema } from './schema.ts';

export const principalBind = defineOperation({
  id: 'principal.bind',
  summary: 'Let an identity provider, a client certificate or a trusted proxy vouch for a principal',
  input: strict({ principal: name('Id or name.'), ...IdentityInput }),
  output: strict({ principal: PrincipalSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: ['AUTH_PRINCIPAL_UNKNOWN', 'AUTH_PRINCIPAL_INVALID', 'AUTH_IDENTITY_TAKEN', 'AUTH_APPROVER_SCOPES'],
  cli: {
    command: 'principal bind',
    positional: ['principal'],
    examples: [
      'gatehouse principal bind alice --oidc "https://id.example.org|248289761001"',
      'gatehouse principal bind ci --certificate SHA256',
    ],
    offline: true,
  },
  async run({ caller, services }, { principal, ...named }) {
    const [identity, ...more] = identitiesOf(named);
    if (identity === undefined || more.length > 0) {
      throw OP_CODES.error('OP_INPUT_INVALID', 'name one of oidc, certificate and proxyUser', {
        details: { issues: [{ path: '', problem: 'exactly one identity is needed' }] },
      });
    }
    return { principal: await services.auth.bindIdentity(principal, identity, caller.principal) };
  },
});
