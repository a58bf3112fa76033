import { Type } from 'typebox';
import { SCOPES } from '../../controls/auth/types.ts';
import { orNull, strict } from '../schema.ts';

export const ScopeSchema = Type.Enum([...SCOPES]);

/** What is known of a token; never the token, which is only ever shown when it is issued. */
export const TokenSchema = strict({
  id: Type.String({ description: 'The part of the token between the first two underscores.' }),
  name: Type.String(),
  version: Type.Integer({ description: 'Goes up with each rotation.' }),
  principal: Type.String({ description: 'Whom it speaks for.' }),
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

export const RotationSchema = strict({
  id: Type.String(),
  name: Type.String(),
  oldToken: Type.String(),
  newToken: Type.String(),
  startedAt: Type.Number({ description: 'Unix milliseconds.' }),
  sunsetAt: Type.Number({ description: 'When the old version stops, in Unix milliseconds.' }),
  ticket: Type.String(),
  owner: Type.String(),
  by: Type.String(),
  status: Type.Enum(['running', 'done', 'aborted']),
  endedAt: orNull(Type.Number()),
});

export const ConsumerSchema = strict({
  token: Type.String(),
  address: Type.String(),
  userAgent: Type.String({ description: 'What the client says it is; it decides nothing.' }),
  firstAt: Type.Number({ description: 'Unix milliseconds.' }),
  lastAt: Type.Number({ description: 'Unix milliseconds.' }),
  uses: Type.Integer(),
  failures: Type.Integer(),
  lastFailureAt: orNull(Type.Number()),
  lastFailure: orNull(Type.String({ description: 'Code of the last refusal.' })),
  state: Type.Enum(['in use', 'switched', 'still on the old version', 'not seen since the rotation began']),
});
