import { Type } from 'typebox';
import { IssueSchema } from '../config/schema.ts';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';

export const egressReload = defineOperation({
  id: 'egress.reload',
  summary: 'Read the egress rules again now, in the gateway and in egress',
  description:
    'A changed policy/egress.yaml is followed by itself; this also makes egress resolve its secrets and look at its rules ' +
    'and grants again when nothing has changed. When anything is wrong what runs stays.',
  input: NoInput,
  output: strict({ applied: Type.Boolean(), unchanged: Type.Boolean(), issues: Type.Array(IssueSchema) }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['EGRESS_UNAVAILABLE'],
  cli: { command: 'egress reload', examples: ['gatehouse egress reload'], offline: false },
  async run({ caller, services }) {
    const { applied, refused, issues } = await services.config.reload(caller.principal.id);
    if (!refused) await services.egress.reload();
    return { applied, unchanged: !applied && !refused, issues };
  },
});
