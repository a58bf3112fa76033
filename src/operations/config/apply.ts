import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { ChangeNote, strict, text } from '../schema.ts';
import { changeBy, permitChange, SnapshotSchema } from './schema.ts';

/** Characters of a configuration file; the loader bounds bytes. */
const MAX_CONFIG_CHARS = 1_048_576;

export const configApply = defineOperation({
  id: 'config.apply',
  summary: 'Replace the whole configuration by a file',
  description:
    'For configurations that are kept under version control. The whole is checked first; nothing is written when anything is wrong with it. The one before stays in the history.',
  input: strict({
    text: text('The new configuration, JSON5.', MAX_CONFIG_CHARS),
    onlyWhenEmpty: Type.Optional(
      Type.Boolean({ description: 'Refuse when the configuration that is there says anything.' }),
    ),
    ...ChangeNote,
  }),
  output: strict({ snapshot: SnapshotSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['CONFIG_CHANGE_NOT_ALLOWED', 'CONFIG_INVALID', 'CONFIG_NOT_EMPTY', 'CONFIG_WRITE_FAILED'],
  cli: {
    command: 'config apply',
    files: { file: 'text' },
    examples: ['gatehouse config apply --file gatehouse.json --ticket OPS-31 --reason "reviewed in !412"'],
    offline: true,
  },
  async run(context, { text: written, onlyWhenEmpty = false, ...note }) {
    const { caller, services } = context;
    await permitChange(context, '/');
    return { snapshot: await services.config.apply(written, changeBy(caller, note), { onlyWhenEmpty }) };
  },
});
