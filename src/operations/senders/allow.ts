import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';
import { SenderKeyInput, SenderSchema } from './schema.ts';

export const sendersAllow = defineOperation({
  id: 'senders.allow',
  summary: 'Let a sender write, also when nobody paired it',
  input: strict(SenderKeyInput),
  output: strict({ sender: SenderSchema }),
  scope: 'operator.pairing',
  effect: 'high-impact',
  errors: ['SENDERS_CHANNEL_UNKNOWN', 'SENDERS_ID_INVALID', 'SENDERS_NOT_RECORDED'],
  cli: {
    command: 'senders allow',
    positional: ['sender'],
    examples: ['gatehouse senders allow 123456789 --channel telegram'],
    offline: true,
  },
  async run({ caller, services }, { sender, channel, account = 'default' }) {
    const key = { channel, account, sender };
    return { sender: await services.senders.allow(key, caller.principal.name) };
  },
});
