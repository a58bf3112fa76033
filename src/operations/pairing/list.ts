import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { PairingSchema } from '../senders/schema.ts';

export const pairingList = defineOperation({
  id: 'pairing.list',
  summary: 'List strangers on chat channels who wait to be let in',
  input: strict({ channel: Type.Optional(name('Only this channel.')) }),
  output: strict({ pending: Type.Array(PairingSchema) }),
  scope: 'operator.pairing',
  effect: 'read',
  errors: [],
  cli: { command: 'pairing list', examples: ['gatehouse pairing list'], offline: true },
  async run({ services }, { channel }) {
    return { pending: await services.senders.pendingPairings(channel) };
  },
});
