import { Type } from 'typebox';
import { ALERTING_CODES } from '../../controls/alerting/index.ts';
import { defineOperation } from '../define.ts';
import { name, strict, text } from '../schema.ts';
import { DetailsSchema } from './schema.ts';

export const alertsAck = defineOperation({
  id: 'alerts.ack',
  summary: 'Take an alert: it is not escalated, and the same is not told again for a while',
  description:
    'The same alert stays quiet for alerts.acknowledgedHours (24 unless said). If it becomes worse, it is told at once. Nobody but an administrator takes an alert about what they did themselves.',
  input: strict({
    id: name('WRITER:NUMBER, as the message and `alerts list` name it.'),
    note: Type.Optional(text('What you are doing about it.', 500)),
  }),
  output: DetailsSchema,
  // Acknowledging makes an alert quiet: not for whoever may only use agents.
  scope: 'operator.approvals',
  effect: 'change',
  errors: ['ALERTING_UNKNOWN', 'ALERTING_OWN'],
  cli: {
    command: 'alerts ack',
    positional: ['id'],
    examples: ['gatehouse alerts ack gateway:812 --note "blocking the address"'],
    offline: true,
  },
  async run({ services, caller }, { id, note = '' }) {
    const { principal, subject, trace } = caller;
    const { alert } = await services.alerting.show(id);
    const about = alert.subject?.principal;
    const isOwn = about !== undefined && (about === principal.id || about === subject.principal);
    // An administrator could silence it as well, and may be the only person of the install.
    if (isOwn && !principal.scopes.includes('operator.admin')) {
      const refused = ALERTING_CODES.error('ALERTING_OWN');
      await services.denials.record({
        type: 'decision',
        action: 'alerts.ack',
        outcome: 'deny',
        code: refused.code,
        subject,
        trace,
        data: { alert: id },
      });
      throw refused;
    }
    return services.alerting.acknowledge(id, principal.id, note);
  },
});
