import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';

export const alertsTest = defineOperation({
  id: 'alerts.test',
  summary: 'Send a test message to every destination of alerts, or to one, and say whether it arrived',
  description: 'For a chat or a mailbox "sent" means that the platform or the mail server has taken it.',
  input: strict({
    destination: Type.Optional(name('Only this one of alerts.destinations.')),
  }),
  output: strict({
    results: Type.Array(
      strict({
        destination: Type.String(),
        sent: Type.Boolean(),
        reason: Type.String({ description: 'Why not; empty when it was sent.' }),
      }),
    ),
  }),
  // Tests count among the mails and messages of an hour: whoever sends many keeps alerts away.
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: ['ALERTING_NO_DESTINATION'],
  cli: {
    command: 'alerts test',
    positional: ['destination'],
    examples: ['gatehouse alerts test', 'gatehouse alerts test pager'],
    offline: false,
  },
  async run({ services, caller }, { destination }) {
    const wanted = destination === undefined ? [] : [destination];
    return { results: await services.alerting.test(wanted, caller.principal.id) };
  },
});
