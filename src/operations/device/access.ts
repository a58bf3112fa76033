import type { DeviceRecord } from '../../controls/auth/types.ts';
import { GatehouseError } from '../../kernel/index.ts';
import type { Caller, OperationContext } from '../define.ts';

/** Whether a device is the caller's own; administrators answer for everybody's. */
export function ownsDevice({ principal }: Caller, device: DeviceRecord): boolean {
  return principal.scopes.includes('operator.admin') || device.principal === principal.id;
}

/** @throws AUTH_SCOPE_MISSING when the device is somebody else's (attack 80) */
export async function requireOwnDevice(context: OperationContext<never>, deviceId: string): Promise<void> {
  const { paired } = await context.services.auth.listDevices();
  const device = paired.find((candidate) => candidate.deviceId === deviceId);
  if (device === undefined || ownsDevice(context.caller, device)) return;
  throw new GatehouseError('AUTH_SCOPE_MISSING', "only an administrator may remove somebody else's device", {
    status: 403,
    fix: 'Use a token with operator.admin.',
    details: { missingScope: 'operator.admin' },
  });
}
