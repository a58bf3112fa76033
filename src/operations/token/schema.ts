import { Type } from 'typebox';
import { SCOPES } from '../../controls/auth/types.ts';
import { orNull, strict } from '../schema.ts';

export const ScopeSchema = Type.Enum([...SCOPES]);

/** What is known of a token; never the token, which is only ever shown when it is issued. */
export const TokenSchema = strict({
  id: Type.String({ description: 'The part of the token between the first two underscores.' }),
  name: Type.String(),
  scopes: Type.Array(ScopeSchema),
  agents: Type.Array(Type.String(), { description: 'Agents it may use; `*` is all.' }),
  addresses: Type.Array(Type.String(), { description: 'CIDR blocks it may be used from; none is any.' }),
  owner: Type.String(),
  ticket: Type.String(),
  createdAt: Type.Number({ description: 'Unix milliseconds.' }),
  expiresAt: orNull(Type.Number()),
  revokedAt: orNull(Type.Number()),
  lastUsedAt: orNull(Type.Number()),
  lastUsedFrom: orNull(Type.String()),
});
