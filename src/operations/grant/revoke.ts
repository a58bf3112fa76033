import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { GrantSchema } from './schema.ts';
import { settled } from './widen.ts';

export const grantRevoke = defineOperation({
  id: 'grant.revoke',
  summary: 'End a grant now, or take a request back; what it opened is closed',
  input: strict({ id: name('Id of the grant.') }),
  output: strict({ grant: GrantSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['GRANT_UNKNOWN'],
  cli: {
    command: 'grant revoke',
    positional: ['id'],
    examples: ['gatehouse grant revoke g-5f1c09aa71d2'],
    offline: true,
  },
  async run(context, { id }) {
    const grant = await context.services.grants.revoke(id, context.caller.principal.id);
    await settled(context);
    return { grant };
  },
});
