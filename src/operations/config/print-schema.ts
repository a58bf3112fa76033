import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';

export const configSchema = defineOperation({
  id: 'config.schema',
  summary: 'Print the JSON Schema of the configuration, for editors',
  input: NoInput,
  output: strict({ schema: Type.Record(Type.String(), Type.Unknown()) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'config schema',
    examples: ['gatehouse config schema > gatehouse.schema.json'],
    offline: true,
  },
  async run({ services }) {
    return { schema: services.config.jsonSchema() };
  },
});
