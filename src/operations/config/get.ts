import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict, text } from '../schema.ts';

export const configGet = defineOperation({
  id: 'config.get',
  summary: 'Show the configuration, or one value of it',
  description: 'Secrets are references, so that nothing here is secret.',
  input: strict({ path: Type.Optional(text('Dotted path, for example gateway.port.')) }),
  output: strict({
    path: Type.String(),
    value: Type.Unknown({ description: 'What stands there; null when nothing does.' }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['CONFIG_PATH_UNKNOWN'],
  cli: {
    command: 'config get',
    positional: ['path'],
    examples: ['gatehouse config get', 'gatehouse config get gateway.port'],
    offline: true,
  },
  async run({ services }, { path }) {
    return { path: path ?? '', value: services.config.get(path) ?? null };
  },
});
