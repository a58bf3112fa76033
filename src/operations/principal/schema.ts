import { Type } from 'typebox';
import { OP_CODES } from '../codes.ts';
import { orNull, strict } from '../schema.ts';
import { ScopeSchema } from '../token/schema.ts';

export const PrincipalSchema = strict({
  id: Type.String(),
  name: Type.String(),
  kind: Type.Enum(['person', 'service']),
  owner: Type.String({ description: 'Who answers for it.' }),
  ticket: Type.String(),
  scopes: Type.Array(ScopeSchema, { description: 'No credential of it can do more.' }),
  agents: Type.Array(Type.String(), { description: 'Agents it may use; `*` is all.' }),
  addresses: Type.Array(Type.String(), { description: 'CIDR blocks it may come from; none is any.' }),
  createdAt: Type.Number({ description: 'Unix milliseconds.' }),
  expiresAt: orNull(Type.Number()),
  disabledAt: orNull(Type.Number()),
  identities: Type.Array(
    strict({ kind: Type.Enum(['oidc', 'certificate', 'proxy', 'chat']), value: Type.String() }),
    { description: 'What stands for it besides its tokens.' },
  ),
});

export const IdentityInput = {
  oidc: Type.Optional(
    Type.String({ description: 'ISSUER|SUBJECT of an identity provider.', minLength: 1, maxLength: 512 }),
  ),
  certificate: Type.Optional(
    Type.String({
      description: 'SHA-256 fingerprint of a client certificate.',
      minLength: 1,
      maxLength: 128,
    }),
  ),
  proxyUser: Type.Optional(
    Type.String({ description: 'User that a trusted proxy names.', minLength: 1, maxLength: 256 }),
  ),
};

/** For `bind` and `unbind`: a person who is known on a chat channel already. */
export const ChatInput = {
  chat: Type.Optional(
    Type.String({
      description:
        'Sender of a chat channel, as CHANNEL/ACCOUNT/ID or CHANNEL/ID, who may answer approvals there.',
      minLength: 1,
      maxLength: 256,
    }),
  ),
};

interface NamedIdentities {
  readonly oidc?: string;
  readonly certificate?: string;
  readonly proxyUser?: string;
  readonly chat?: string;
}

/** The one identity that an input names. @throws OP_INPUT_INVALID for none, and for several */
export function oneIdentityOf(named: NamedIdentities) {
  const [identity, ...more] = identitiesOf(named);
  if (identity !== undefined && more.length === 0) return identity;
  throw OP_CODES.error('OP_INPUT_INVALID', 'name one of oidc, certificate, proxyUser and chat', {
    details: { issues: [{ path: '', problem: 'exactly one identity is needed' }] },
  });
}

/** The identities that an input names. */
export function identitiesOf({ oidc, certificate, proxyUser, chat }: NamedIdentities) {
  return [
    ...(chat === undefined ? [] : [{ kind: 'chat' as const, value: withAccount(chat) }]),
    ...(oidc === undefined ? [] : [{ kind: 'oidc' as const, value: oidc }]),
    ...(certificate === undefined ? [] : [{ kind: 'certificate' as const, value: certificate }]),
    ...(proxyUser === undefined ? [] : [{ kind: 'proxy' as const, value: proxyUser }]),
  ];
}

/** A channel with one account has no name for it. */
function withAccount(chat: string): string {
  const parts = chat.split('/');
  return parts.length === 2 ? `${parts[0]}/default/${parts[1]}` : chat;
}
