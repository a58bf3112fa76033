import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { PendingDeviceSchema } from './schema.ts';

export const deviceReject = defineOperation({
  id: 'device.reject',
  summary: 'Turn down a device that waits',
  input: strict({ requestId: name('The waiting request.') }),
  output: strict({ device: PendingDeviceSchema }),
  scope: 'operator.pairing',
  effect: 'change',
  errors: ['AUTH_PAIRING_UNKNOWN'],
  cli: {
    command: 'device reject',
    positional: ['requestId'],
    examples: ['gatehouse device reject 3b9e'],
    offline: true,
  },
  async run({ services }, { requestId }) {
    return { device: await services.auth.rejectDevice(requestId) };
  },
});
