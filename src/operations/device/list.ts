import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { ownsDevice } from './access.ts';
import { DeviceSchema, PendingDeviceSchema } from './schema.ts';

export const deviceList = defineOperation({
  id: 'device.list',
  summary: 'List your paired devices, and those that wait for approval',
  input: NoInput,
  output: strict({ pending: Type.Array(PendingDeviceSchema), paired: Type.Array(DeviceSchema) }),
  scope: 'operator.pairing',
  effect: 'read',
  errors: [],
  cli: { command: 'device list', examples: ['gatehouse device list'], offline: true },
  async run({ caller, services }) {
    const { pending, paired } = await services.auth.listDevices();
    return { pending, paired: paired.filter((device) => ownsDevice(caller, device)) };
  },
});
