import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { ChatInput, IdentityInput, oneIdentityOf, PrincipalSchema } from './schema.ts';

export const principalBind = defineOperation({
  id: 'principal.bind',
  summary:
    'Let an identity provider, a client certificate, a trusted proxy or a chat channel vouch for a principal',
  description:
    'A chat sender that the channel lets in gets every approval of the principal as a direct message and may answer it ' +
    'there; it can do nothing else as the principal.',
  input: strict({ principal: name('Id or name.'), ...IdentityInput, ...ChatInput }),
  output: strict({ principal: PrincipalSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: [
    'AUTH_PRINCIPAL_UNKNOWN',
    'AUTH_PRINCIPAL_INVALID',
    'AUTH_IDENTITY_TAKEN',
    'AUTH_APPROVER_SCOPES',
    'SENDERS_CHANNEL_UNKNOWN',
    'SENDERS_ID_INVALID',
  ],
  cli: {
    command: 'principal bind',
    positional: ['principal'],
    examples: [
      'gatehouse principal bind alice --oidc "https://id.example.org|248289761001"',
      'gatehouse principal bind ci --certificate SHA256',
      'gatehouse principal bind alice --chat telegram/123456789',
    ],
    offline: true,
  },
  async run({ caller, services }, { principal, ...named }) {
    const identity = oneIdentityOf(named);
    if (identity.kind === 'chat') {
      const [channel = '', account = '', sender = ''] = identity.value.split('/');
      services.senders.checkKey({ channel, account, sender });
    }
    return { principal: await services.auth.bindIdentity(principal, identity, caller.principal) };
  },
});
