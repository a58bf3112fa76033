import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { SenderSchema } from '../senders/schema.ts';

export const pairingApprove = defineOperation({
  id: 'pairing.approve',
  summary: 'Let the stranger with this code write to the agent, directly and not in groups',
  input: strict({ code: name('The eight characters that the stranger was told.') }),
  output: strict({ sender: SenderSchema }),
  scope: 'operator.pairing',
  effect: 'high-impact',
  errors: ['SENDERS_PAIRING_UNKNOWN', 'SENDERS_BLOCKED', 'SENDERS_NOT_RECORDED'],
  cli: {
    command: 'pairing approve',
    positional: ['code'],
    examples: ['gatehouse pairing approve K7WQ2MXD'],
    offline: true,
  },
  async run({ caller, services }, { code }) {
    return { sender: await services.senders.approvePairing(code, caller.principal.name) };
  },
});
