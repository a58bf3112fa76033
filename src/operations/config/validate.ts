import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict, text } from '../schema.ts';
import { IssueSchema } from './schema.ts';

const MAX_CONFIG_CHARS = 1_000_000;

export const configValidate = defineOperation({
  id: 'config.validate',
  summary: 'Check the configuration and name everything that is wrong with it',
  description: 'Changes nothing. Checks the file of the home, or the given text.',
  input: strict({
    text: Type.Optional(text('JSON5 to check instead of the file of the home.', MAX_CONFIG_CHARS)),
  }),
  output: strict({ ok: Type.Boolean(), issues: Type.Array(IssueSchema) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'config validate',
    aliases: ['config:validate'],
    examples: ['gatehouse config validate', 'gatehouse config validate --file candidate.json5 --json'],
    offline: true,
    files: { file: 'text' },
  },
  run: ({ services }, input) => services.config.validate(input.text),
});
