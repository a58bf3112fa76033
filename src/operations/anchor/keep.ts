import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';
import { CheckpointSchema } from './schema.ts';

const MAX_CHECKPOINTS = 100;

export const anchorKeep = defineOperation({
  id: 'anchor.keep',
  summary: 'Keep signed checkpoints of another install, so that it cannot change its history unnoticed',
  description:
    'Called by `gatehouse ledger anchor` of the other install with a token of scope operator.anchor. What is kept once is neither changed nor removed; a second history is an alert.',
  input: strict({
    checkpoints: Type.Array(CheckpointSchema, { maxItems: MAX_CHECKPOINTS, description: 'In their order.' }),
  }),
  output: strict({ newest: Type.Integer({ description: 'Number of the last one.' }) }),
  scope: 'operator.anchor',
  effect: 'change',
  selfRecorded: true,
  errors: ['LEDGER_ANCHOR_INVALID', 'LEDGER_ANCHOR_CONFLICT'],
  cli: {
    command: 'anchor keep',
    examples: [`gatehouse anchor keep --checkpoints '[{"payload":"...","keyId":"...","signature":"..."}]'`],
    offline: false,
  },
  run: async ({ caller, services }, { checkpoints }) => ({
    newest: await services.kept.keep(caller.subject, checkpoints),
  }),
});
