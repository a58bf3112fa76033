import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { name, strict, text } from '../schema.ts';
import { DetailsSchema } from './schema.ts';

export const alertsAck = defineOperation({
  id: 'alerts.ack',
  summary: 'Take an alert: it is not escalated, and the same is not told again for a while',
  description:
    'The same alert stays quiet for alerts.acknowledgedHours (24 unless said). If it becomes worse, it is told at once.',
  input: strict({
    id: name('WRITER:NUMBER, as the message and `alerts list` name it.'),
    note: Type.Optional(text('What you are doing about it.', 500)),
  }),
  output: DetailsSchema,
  scope: 'operator.write',
  effect: 'change',
  errors: ['ALERTING_UNKNOWN'],
  cli: {
    command: 'alerts ack',
    positional: ['id'],
    examples: ['gatehouse alerts ack gateway:812 --note "blocking the address"'],
    offline: true,
  },
  run: ({ services, caller }, { id, note = '' }) =>
    services.alerting.acknowledge(id, caller.principal.id, note),
});
