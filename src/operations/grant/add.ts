import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';
import { ForMs, GRANT_ERRORS, GrantSchema, OpensSchema, WidenInput } from './schema.ts';
import { matchOf, opens, requestOf, settled } from './widen.ts';

export const grantAdd = defineOperation({
  id: 'grant.add',
  summary: 'Widen what one agent may do, exactly and for a time; it ends by itself',
  description:
    'The grant is in the ledger before it counts, and counts at once, without a restart. What a rule denies stays ' +
    'denied. With grantPolicy.twoPersons it waits for another administrator.',
  input: strict({ ...WidenInput, forMs: ForMs }),
  output: strict({ grant: GrantSchema, opens: OpensSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: [...GRANT_ERRORS],
  cli: {
    command: 'grant add',
    positional: ['kind'],
    examples: [
      'gatehouse grant add net.connect --match host=api.example.org,port=443 --for 2h --ticket OPS-7 --reason "import"',
      'gatehouse grant add exec --match "command=git push" --agent dev --for 1h --ticket OPS-8 --reason "release"',
    ],
    offline: true,
  },
  async run(context, { forMs, match, ...fields }) {
    const request = requestOf(context, { ...fields, match: matchOf(match) }, forMs);
    const grant = await context.services.grants.add(request, context.caller.principal.id);
    await settled(context);
    return { grant, opens: opens(context, grant) };
  },
});
