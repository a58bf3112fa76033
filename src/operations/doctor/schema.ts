import { Type } from 'typebox';
import { orNull, strict } from '../schema.ts';

const Picture = strict({
  findings: Type.Record(Type.String(), Type.Integer(), { description: 'How many of each id.' }),
  snapshot: Type.Integer({ description: 'Snapshot of the configuration that ran.' }),
});

export const StepSchema = strict({
  step: Type.Object(
    { kind: Type.Enum(['mode', 'folder', 'socket', 'leftover', 'purge', 'setting']), path: Type.String() },
    { additionalProperties: true, description: 'What is changed; from and to where it has both.' },
  ),
  status: Type.Enum(['planned', 'done', 'failed', 'undone', 'kept']),
  note: Type.String({ description: 'Why it failed, or why it stays as it is.' }),
});

export const RepairSchema = strict(
  {
    number: Type.Integer(),
    at: Type.Number({ description: 'Unix milliseconds.' }),
    author: Type.String(),
    reason: Type.String(),
    status: Type.Enum(['running', 'done', 'partly', 'cut-off', 'undone']),
    steps: Type.Array(StepSchema),
    before: Picture,
    after: orNull(Picture),
  },
  { description: 'One repair: what was found before and after, and each thing that was changed.' },
);
