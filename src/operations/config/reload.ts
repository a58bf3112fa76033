import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { IssueSchema } from './schema.ts';

export const configReload = defineOperation({
  id: 'config.reload',
  summary: 'Read the configuration, playbooks and egress policy again',
  description:
    'When anything is wrong the running configuration stays and the issues are returned. `unchanged` says that the file holds what already runs.',
  input: NoInput,
  output: strict({ applied: Type.Boolean(), unchanged: Type.Boolean(), issues: Type.Array(IssueSchema) }),
  scope: 'operator.admin',
  effect: 'change',
  errors: [],
  cli: { command: 'config reload', examples: ['gatehouse config reload'], offline: false },
  async run({ caller, services }) {
    const { applied, refused, issues } = await services.config.reload(caller.principal.id);
    return { applied, unchanged: !applied && !refused, issues };
  },
});
