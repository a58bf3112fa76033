import type { DeviceRecord, PendingDevice } from '../../controls/auth/types.ts';

/** A device that waits for approval (protocol b.7); never a token. */
export function pendingRow(request: PendingDevice) {
  return {
    requestId: request.requestId,
    deviceId: request.deviceId,
    publicKey: request.publicKey,
    displayName: request.displayName,
    platform: request.platform,
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
    displayName: device.displayName,
    platform: device.platform,
    role: device.role,
    roles: [device.role],
    scopes: device.scopes,
    createdAtMs: device.createdAt,
    approvedAtMs: device.approvedAt,
    tokens: [{ role: device.role, scopes: device.scopes, createdAtMs: device.approvedAt }],
  };
}
