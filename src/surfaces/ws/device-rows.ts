import type { DeviceRecord, PendingDevice } from '../../controls/auth/types.ts';

/** What a device says of itself; clients take an empty text for a broken row. */
function told(device: { readonly displayName: string; readonly platform: string }) {
  const { displayName, platform } = device;
  return { ...(displayName === '' ? {} : { displayName }), ...(platform === '' ? {} : { platform }) };
}

/** A device that waits for approval (protocol b.7); never a token. */
export function pendingRow(request: PendingDevice) {
  return {
    requestId: request.requestId,
    deviceId: request.deviceId,
    publicKey: request.publicKey,
    ...told(request),
    clientId: request.clientId,
    clientMode: request.clientMode,
    role: request.role,
    roles: [request.role],
    scopes: request.scopes,
    remoteIp: request.remoteIp,
    isRepair: request.reason !== 'not-paired',
    ts: request.createdAt,
  };
}

export function pairedRow(device: DeviceRecord) {
  return {
    deviceId: device.deviceId,
    publicKey: device.publicKey,
    ...told(device),
    role: device.role,
    roles: [device.role],
    scopes: device.scopes,
    createdAtMs: device.createdAt,
    approvedAtMs: device.approvedAt,
    tokens: [{ role: device.role, scopes: device.scopes, createdAtMs: device.approvedAt }],
  };
}
