import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { IssueSchema } from './schema.ts';

export const configReload = defineOperation({
  id: 'config.reload',
  summary: 'Read the configuration and playbooks again',
  description:
    'When anything is wrong the running configuration stays and the issues are returned. `unchanged` says that the file holds what already runs.',
  input: NoInput,
  output: strict({ applied: Type.Boolean(), unchanged: Type.Boolean(), issues: Type.Array(IssueSchema) }),
  scope: 'operator.admin',
  effect: 'change',
  errors: [],
  cli: { command: 'config reload', examples: ['gatehouse config reload'], offline: false },
  async run({ caller, services }) {
    const { applied, issues } = await services.config.reload(caller.principal.id);
    const warned = new Set(services.config.current().warnings.map(({ path, code }) => `${code} ${path}`));
    // What runs already has no issue but its own warnings; a file that was refused has at least one more.
    const unchanged = !applied && issues.every(({ path, code }) => warned.has(`${code} ${path}`));
    return { applied, unchanged, issues };
  },
});
