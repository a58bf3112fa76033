import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';

const Model = strict({
  id: Type.String({ description: '`provider/model`, as the configuration names it.' }),
  provider: Type.String(),
  name: Type.String(),
  contextTokens: Type.Number({ description: 'How much the model can read at once.' }),
  notice: Type.Optional(Type.String({ description: 'What to know about it, for example a rehearsal.' })),
});

export const modelsList = defineOperation({
  id: 'models.list',
  summary: 'List the models that are configured',
  input: NoInput,
  output: strict({ models: Type.Array(Model) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: { command: 'models list', examples: ['gatehouse models list'], offline: true },
  async run({ services }) {
    const models = services.providers.flatMap((provider) =>
      provider.models().map((model) => ({
        id: `${provider.id}/${model.id}`,
        provider: provider.id,
        name: model.name,
        contextTokens: model.contextTokens,
        ...(provider.notice === undefined ? {} : { notice: provider.notice }),
      })),
    );
    return { models };
  },
});
