import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';
import { SenderKeyInput, SenderSchema } from './schema.ts';

export const sendersBlock = defineOperation({
  id: 'senders.block',
  summary: 'Put a sender out; what it started ends at once, and no list lets it in again',
  input: strict(SenderKeyInput),
  output: strict({ sender: SenderSchema }),
  scope: 'operator.pairing',
  effect: 'high-impact',
  errors: ['SENDERS_CHANNEL_UNKNOWN', 'SENDERS_ID_INVALID'],
  cli: {
    command: 'senders block',
    positional: ['sender'],
    examples: ['gatehouse senders block 123456789 --channel telegram'],
    offline: true,
  },
  async run({ caller, services }, { sender, channel, account = 'default' }) {
    const key = { channel, account, sender };
    return { sender: await services.senders.block(key, caller.principal.name) };
  },
});
