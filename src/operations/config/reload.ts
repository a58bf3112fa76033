import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { IssueSchema } from './schema.ts';

export const configReload = defineOperation({
  id: 'config.reload',
  summary: 'Read the configuration and playbooks again',
  description: 'When anything is wrong the running configuration stays and the issues are returned.',
  input: NoInput,
  output: strict({ applied: Type.Boolean(), issues: Type.Array(IssueSchema) }),
  scope: 'operator.admin',
  effect: 'change',
  errors: [],
  cli: { command: 'config reload', examples: ['gatehouse config reload'], offline: false },
  run: ({ caller, services }) => services.config.reload(caller.principal.id),
});
