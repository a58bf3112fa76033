import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { PairingSchema } from '../senders/schema.ts';

export const pairingDeny = defineOperation({
  id: 'pairing.deny',
  summary: 'Turn the stranger with this code down; it gets no other code for a day',
  input: strict({ code: name('The eight characters that the stranger was told.') }),
  output: strict({ denied: PairingSchema }),
  scope: 'operator.pairing',
  effect: 'change',
  errors: ['SENDERS_PAIRING_UNKNOWN'],
  cli: {
    command: 'pairing deny',
    positional: ['code'],
    examples: ['gatehouse pairing deny K7WQ2MXD'],
    offline: true,
  },
  async run({ caller, services }, { code }) {
    return { denied: await services.senders.denyPairing(code, caller.principal.name) };
  },
});
