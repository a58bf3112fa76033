import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, orNull, strict } from '../schema.ts';

const AccountSchema = strict({
  channel: Type.String(),
  account: Type.String(),
  mode: Type.String({ description: 'polling or webhook.' }),
  state: Type.Enum(['connected', 'starting', 'failing']),
  problem: orNull(Type.String({ description: 'Why it fails, and what to do.' })),
  waiting: Type.Integer({ description: 'Messages that are not answered yet.' }),
  toSend: Type.Integer({ description: 'Answers that are not sent yet.' }),
  unknown: Type.Integer({
    description: 'Answers that may or may not have arrived; they are not sent again.',
  }),
  failed: Type.Integer({ description: 'Answers that the platform did not take.' }),
  lastReceivedAt: orNull(Type.Number({ description: 'Unix milliseconds.' })),
});

export const channelsStatus = defineOperation({
  id: 'channels.status',
  summary: 'Show the accounts of chat channels, whether they are connected, and what waits',
  input: NoInput,
  output: strict({ accounts: Type.Array(AccountSchema) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: { command: 'channels status', examples: ['gatehouse channels status'], offline: true },
  async run({ services }) {
    return { accounts: await services.channels.status() };
  },
});
