import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { requireOwnDevice } from './access.ts';
import { DeviceSchema } from './schema.ts';

export const deviceRemove = defineOperation({
  id: 'device.remove',
  summary: 'Unpair a device at once; its open connections end within a second',
  input: strict({ deviceId: name('The device.') }),
  output: strict({ device: DeviceSchema }),
  scope: 'operator.pairing',
  effect: 'high-impact',
  errors: ['AUTH_DEVICE_UNKNOWN'],
  cli: {
    command: 'device remove',
    positional: ['deviceId'],
    examples: ['gatehouse device remove 9f2d...'],
    offline: true,
  },
  async run(context, { deviceId }) {
    await requireOwnDevice(context, deviceId);
    return { device: await context.services.auth.removeDevice(deviceId) };
  },
});
