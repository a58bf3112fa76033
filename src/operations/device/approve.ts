import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { DeviceSchema } from './schema.ts';

export const deviceApprove = defineOperation({
  id: 'device.approve',
  summary: 'Pair a device that waits; it gets at most the scopes that you have',
  input: strict({ requestId: name('The waiting request.') }),
  output: strict({ device: DeviceSchema }),
  scope: 'operator.pairing',
  effect: 'high-impact',
  errors: ['AUTH_PAIRING_UNKNOWN', 'AUTH_PAIRING_SELF', 'AUTH_APPROVER_SCOPES'],
  cli: {
    command: 'device approve',
    positional: ['requestId'],
    examples: ['gatehouse device approve 3b9e'],
    offline: true,
  },
  async run({ caller, services }, { requestId }) {
    return { device: await services.auth.approveDevice(requestId, caller.principal) };
  },
});
