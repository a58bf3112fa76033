import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';
import { ForMs, GRANT_ERRORS, GrantSchema, OpensSchema, WidenInput } from './schema.ts';
import { matchOf, opens, requestOf, settled } from './widen.ts';

export const grantBreakglass = defineOperation({
  id: 'grant.breakglass',
  summary: 'Open something in an emergency, alone, for minutes; everybody hears of it',
  description:
    'Needs no second person and no place in grantPolicy.kinds or hosts. It is a critical alert when it is made, a ' +
    'high one when it is first used and when it ends, and a finding of doctor while it is open.',
  input: strict({ ...WidenInput, forMs: ForMs }),
  output: strict({ grant: GrantSchema, opens: OpensSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: [...GRANT_ERRORS],
  cli: {
    command: 'breakglass',
    positional: ['kind'],
    examples: [
      'gatehouse breakglass net.connect --match host=status.example.org,port=443 --for 15m --ticket INC-3 --reason "outage"',
    ],
    offline: true,
  },
  async run(context, { forMs, match, ...fields }) {
    const request = requestOf(context, { ...fields, match: matchOf(match) }, forMs);
    const grant = await context.services.grants.breakglass(request, context.caller.principal.id);
    await settled(context);
    return { grant, opens: opens(context, grant) };
  },
});
