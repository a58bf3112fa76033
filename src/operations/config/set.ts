import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { ChangeNote, MAX_TEXT_CHARS, strict } from '../schema.ts';
import { changeBy, permitChange, SnapshotSchema } from './schema.ts';

export const configSet = defineOperation({
  id: 'config.set',
  summary: 'Change one value of the configuration',
  description:
    'The whole is checked first; nothing is written when anything is wrong with it. Where the gateway listens (`gateway.port`, `gateway.bind`) changes with its next start.',
  input: strict({
    path: Type.String({
      description: 'Dotted path, for example gateway.port.',
      minLength: 1,
      maxLength: MAX_TEXT_CHARS,
    }),
    value: Type.Unknown({ description: 'JSON; a text that is no JSON counts as a string.' }),
    ...ChangeNote,
  }),
  output: strict({ snapshot: SnapshotSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['CONFIG_CHANGE_NOT_ALLOWED', 'CONFIG_PATH_UNKNOWN', 'CONFIG_INVALID', 'CONFIG_WRITE_FAILED'],
  cli: {
    command: 'config set',
    positional: ['path', 'value'],
    examples: ['gatehouse config set gateway.port 18790 --ticket OPS-12 --reason "port is taken"'],
    offline: true,
  },
  async run(context, { path, value, ...note }) {
    const { caller, services } = context;
    await permitChange(context, `/${path.replaceAll('.', '/')}`);
    return { snapshot: await services.config.set(path, value, changeBy(caller, note)) };
  },
});
