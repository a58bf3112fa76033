import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { SenderSchema } from './schema.ts';

export const sendersList = defineOperation({
  id: 'senders.list',
  summary: 'List who may write to an agent, and who is blocked',
  input: strict({ channel: Type.Optional(name('Only this channel.')) }),
  output: strict({ senders: Type.Array(SenderSchema) }),
  scope: 'operator.pairing',
  effect: 'read',
  errors: [],
  cli: {
    command: 'senders list',
    examples: ['gatehouse senders list', 'gatehouse senders list --channel telegram'],
    offline: true,
  },
  async run({ services }, { channel }) {
    return { senders: await services.senders.list(channel) };
  },
});
