import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { SnapshotSchema } from './schema.ts';

export const configHistory = defineOperation({
  id: 'config.history',
  summary: 'List the configurations that were applied, by whom and why',
  input: NoInput,
  output: strict({ snapshots: Type.Array(SnapshotSchema) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: { command: 'config history', examples: ['gatehouse config history'], offline: true },
  async run({ services }) {
    return { snapshots: await services.config.history() };
  },
});
