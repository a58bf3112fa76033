import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';

const Snapshot = Type.Integer({
  description: 'Number of a snapshot; `gatehouse config history` lists them.',
  minimum: 0,
});

export const configDiff = defineOperation({
  id: 'config.diff',
  summary: 'Compare two applied configurations',
  input: strict({ from: Snapshot, to: Snapshot }),
  output: strict({ diff: Type.String({ description: 'Unified diff; empty when they are the same.' }) }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['CONFIG_SNAPSHOT_UNKNOWN'],
  cli: {
    command: 'config diff',
    positional: ['from', 'to'],
    examples: ['gatehouse config diff 3 4'],
    offline: true,
  },
  async run({ services }, { from, to }) {
    return { diff: await services.config.diff(from, to) };
  },
});
