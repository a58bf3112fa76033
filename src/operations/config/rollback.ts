import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { ChangeNote, MAX_TEXT_CHARS, strict } from '../schema.ts';
import { changeBy, permitChange, SnapshotSchema } from './schema.ts';

export const configRollback = defineOperation({
  id: 'config.rollback',
  summary: 'Apply an earlier configuration again',
  input: strict({
    to: Type.Integer({
      description: 'Number of the snapshot; `gatehouse config history` lists them.',
      minimum: 1,
    }),
    ticket: ChangeNote.ticket,
    reason: Type.String({
      description: 'Why, in one line; kept with the snapshot.',
      minLength: 1,
      maxLength: MAX_TEXT_CHARS,
    }),
  }),
  output: strict({ snapshot: SnapshotSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: ['CONFIG_CHANGE_NOT_ALLOWED', 'CONFIG_SNAPSHOT_UNKNOWN', 'CONFIG_INVALID', 'CONFIG_WRITE_FAILED'],
  cli: {
    command: 'config rollback',
    positional: ['to'],
    examples: ['gatehouse config rollback 3 --reason "the new rule was too wide"'],
    offline: true,
  },
  async run(context, { to, ...note }) {
    const { caller, services } = context;
    await permitChange(context, '/');
    return { snapshot: await services.config.rollback(to, changeBy(caller, note)) };
  },
});
