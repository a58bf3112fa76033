import { Type } from 'typebox';
import { strict } from '../schema.ts';
import { ScopeSchema } from '../token/schema.ts';

export const SessionSchema = strict({
  id: Type.String({ description: 'Names the session; it is not what its cookie holds.' }),
  principal: Type.String(),
  name: Type.String(),
  scopes: Type.Array(ScopeSchema),
  createdAt: Type.Number({ description: 'Unix milliseconds.' }),
  lastSeenAt: Type.Number(),
  idleUntil: Type.Number({ description: 'When it ends if nothing more is done in it.' }),
  expiresAt: Type.Number({ description: 'When it ends whatever is done in it.' }),
  address: Type.String(),
  userAgent: Type.String(),
});
