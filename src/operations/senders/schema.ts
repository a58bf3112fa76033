import { Type } from 'typebox';
import { name, strict } from '../schema.ts';

export const SenderSchema = strict({
  channel: Type.String(),
  account: Type.String(),
  sender: Type.String({ description: 'Stable id of the platform.' }),
  displayName: Type.String({ description: 'What the platform showed; it decides nothing.' }),
  status: Type.Enum(['allowed', 'blocked']),
  source: Type.Enum(['configuration', 'pairing', 'operator']),
  by: Type.String({ description: 'Who let it in or put it out.' }),
  at: Type.Number({ description: 'Unix milliseconds; 0 for the configuration.' }),
});

export const PairingSchema = strict({
  code: Type.String(),
  channel: Type.String(),
  account: Type.String(),
  sender: Type.String(),
  displayName: Type.String({ description: 'What the platform showed; it decides nothing.' }),
  createdAt: Type.Number({ description: 'Unix milliseconds.' }),
  expiresAt: Type.Number({ description: 'Unix milliseconds.' }),
});

/** One sender of one account of one channel. */
export const SenderKeyInput = {
  sender: name('Stable id of the sender on its platform, for example 123456789.'),
  channel: name('Channel, for example telegram.'),
  account: Type.Optional(name('Account of the channel; `default` when absent.')),
};
