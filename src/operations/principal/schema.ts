import { Type } from 'typebox';
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
    strict({ kind: Type.Enum(['oidc', 'certificate', 'proxy']), value: Type.String() }),
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

/** The identities that an input names. */
export function identitiesOf(input: {
  readonly oidc?: string;
  readonly certificate?: string;
  readonly proxyUser?: string;
}) {
  const { oidc, certificate, proxyUser } = input;
  return [
    ...(oidc === undefined ? [] : [{ kind: 'oidc' as const, value: oidc }]),
    ...(certificate === undefined ? [] : [{ kind: 'certificate' as const, value: certificate }]),
    ...(proxyUser === undefined ? [] : [{ kind: 'proxy' as const, value: proxyUser }]),
  ];
}
