import type { DeviceRecord, PendingDevice } from '../../../controls/auth/types.ts';
import { WS_CODES } from '../codes.ts';
import { pairedRow, pendingRow } from '../device-rows.ts';
import { deviceResolved } from '../events/approvals.ts';
import type { Method } from '../method.ts';
import { text } from '../params.ts';

export const DEVICE_METHODS: readonly Method[] = [
  {
    name: 'device.pair.list',
    async handle(context) {
      const result = await context.call('device.list', {});
      return {
        pending: (result['pending'] as readonly PendingDevice[]).map(pendingRow),
        paired: (result['paired'] as readonly DeviceRecord[]).map(pairedRow),
      };
    },
  },
  {
    name: 'device.pair.approve',
    async handle(context, params) {
      const requestId = text(params, 'requestId');
      const { device } = await context.call('device.approve', { requestId });
      const row = pairedRow(device as DeviceRecord);
      context.announce(deviceResolved(requestId, row.deviceId, 'approved', context.now()));
      return { requestId, device: row };
    },
  },
  {
    name: 'device.pair.reject',
    async handle(context, params) {
      const requestId = text(params, 'requestId');
      const { device } = await context.call('device.reject', { requestId });
      const { deviceId } = device as PendingDevice;
      context.announce(deviceResolved(requestId, deviceId, 'rejected', context.now()));
      return { requestId, deviceId };
    },
  },
  {
    name: 'device.pair.remove',
    async handle(context, params) {
      const deviceId = text(params, 'deviceId');
      if (deviceId.length > 256) throw WS_CODES.error('WS_PARAMS_INVALID', 'deviceId: too long');
      await context.call('device.remove', { deviceId });
      return { deviceId };
    },
  },
];
