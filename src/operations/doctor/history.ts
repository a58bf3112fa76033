import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { RepairSchema } from './schema.ts';

export const doctorHistory = defineOperation({
  id: 'doctor.history',
  summary: 'List the repairs that were made, and what each of them changed',
  input: NoInput,
  output: strict({ repairs: Type.Array(RepairSchema, { description: 'The newest first.' }) }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: { command: 'doctor history', examples: ['gatehouse doctor history'], offline: true },
  async run({ services }) {
    return { repairs: await services.repairs.history() };
  },
});
