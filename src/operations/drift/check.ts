import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { BaselineSchema, DifferenceSchema } from './schema.ts';

export const driftCheck = defineOperation({
  id: 'drift.check',
  summary: 'Say what is not as the last baseline says',
  description:
    'The gateway looks by itself after each start and every minute (at what doctor and audit find every hour); what differs is recorded and alerted once per state. Exit code 5 when anything differs.',
  input: NoInput,
  output: strict({
    baseline: BaselineSchema,
    differences: Type.Array(DifferenceSchema, { description: 'Empty when everything is as approved.' }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['DRIFT_NO_BASELINE', 'DRIFT_BASELINE_INVALID'],
  cli: {
    command: 'drift check',
    examples: ['gatehouse drift check', 'gatehouse drift check --json'],
    offline: false,
  },
  run: ({ services }) => services.drift.check(),
});
