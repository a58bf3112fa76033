import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { GrantSchema, OpensSchema } from './schema.ts';
import { opens, settled } from './widen.ts';

export const grantApprove = defineOperation({
  id: 'grant.approve',
  summary: 'Put a grant in force that another administrator asked for',
  description: 'Its time starts now.',
  input: strict({ id: name('Id of the grant.') }),
  output: strict({ grant: GrantSchema, opens: OpensSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: ['GRANT_UNKNOWN', 'GRANT_SAME_PERSON', 'GRANT_NOT_PERMITTED', 'GRANT_NOT_RECORDED'],
  cli: {
    command: 'grant approve',
    positional: ['id'],
    examples: ['gatehouse grant approve g-5f1c09aa71d2'],
    offline: true,
  },
  async run(context, { id }) {
    const grant = await context.services.grants.approve(id, context.caller.principal.id);
    await settled(context);
    return { grant, opens: opens(context, grant) };
  },
});
