import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict, text } from '../schema.ts';
import { RepairSchema } from './schema.ts';

export const doctorUndo = defineOperation({
  id: 'doctor.undo',
  summary: 'Take a repair back',
  description:
    'Modes, moved files and settings become what they were, unless somebody changed them meanwhile; each step says so.',
  input: strict({
    repair: Type.Integer({
      description: 'Number of the repair; `gatehouse doctor history` lists them.',
      minimum: 1,
    }),
    reason: Type.Optional(text('Why, in one line; goes into the ledger.')),
  }),
  output: strict({ repair: RepairSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['REPAIR_UNKNOWN', 'REPAIR_UNDONE', 'REPAIR_RUNNING'],
  cli: {
    command: 'doctor undo',
    positional: ['repair'],
    examples: ['gatehouse doctor undo 3'],
    offline: true,
  },
  async run({ caller, services }, { repair, reason = '' }) {
    return { repair: await services.repairs.undo(repair, { author: caller.principal.id, reason }) };
  },
});
