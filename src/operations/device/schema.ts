import { Type } from 'typebox';
import { strict } from '../schema.ts';
import { ScopeSchema } from '../token/schema.ts';

export const DeviceSchema = strict({
  deviceId: Type.String(),
  publicKey: Type.String(),
  principal: Type.String({ description: 'Whose device it is.' }),
  displayName: Type.String(),
  platform: Type.String(),
  role: Type.String(),
  scopes: Type.Array(ScopeSchema),
  createdAt: Type.Number({ description: 'Unix milliseconds.' }),
  approvedAt: Type.Number({ description: 'Unix milliseconds.' }),
});

export const PendingDeviceSchema = strict({
  requestId: Type.String(),
  deviceId: Type.String(),
  publicKey: Type.String(),
  displayName: Type.String(),
  platform: Type.String(),
  clientId: Type.String(),
  clientMode: Type.String(),
  role: Type.String(),
  scopes: Type.Array(ScopeSchema),
  remoteIp: Type.String(),
  reason: Type.Enum(['not-paired', 'scope-upgrade', 'metadata-upgrade', 'role-upgrade']),
  createdAt: Type.Number({ description: 'Unix milliseconds.' }),
});
