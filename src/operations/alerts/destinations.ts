import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, orNull, strict } from '../schema.ts';

export const alertsDestinations = defineOperation({
  id: 'alerts.destinations',
  summary: 'Show who is told of alerts, what waits for whom, and why a destination takes nothing',
  input: NoInput,
  output: strict({
    destinations: Type.Array(
      strict({
        name: Type.String(),
        type: Type.Enum(['webhook', 'chat', 'mail']),
        severities: Type.Array(Type.Enum(['critical', 'high', 'warning'])),
        waiting: Type.Integer({ description: 'Messages that are still to be sent.' }),
        held: Type.Integer({ description: 'Beyond what it takes in an hour; they come as one digest.' }),
        failed: Type.Integer({ description: 'Given up after a day.' }),
        lastSentAt: orNull(Type.Number({ description: 'Unix milliseconds.' })),
        problem: orNull(Type.String({ description: 'Why the last attempt did not work.' })),
      }),
    ),
    unacknowledged: Type.Integer({ description: 'Alerts that were told and that nobody has taken.' }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: { command: 'alerts destinations', examples: ['gatehouse alerts destinations'], offline: true },
  run: async ({ services }) => ({
    destinations: await services.alerting.destinations(),
    unacknowledged: await services.alerting.open(),
  }),
});
