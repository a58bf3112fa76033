import { Type } from 'typebox';
import { ALERT_RULES } from '../../controls/alerting/index.ts';
import { defineOperation } from '../define.ts';
import { milliseconds, name, strict, text } from '../schema.ts';
import { SilenceSchema } from './schema.ts';

const MAX_SILENCE_MS = 7 * 86_400_000;

/** What says that Gatehouse is quiet, or cannot be heard, is never silenced itself. */
const NEVER = ['alerts.silenced', 'alerts.undelivered'];

export const alertsSilence = defineOperation({
  id: 'alerts.silence',
  summary: 'Be quiet about one rule for a while; its alerts are recorded and nobody is told',
  description:
    'Everybody is told that the rule was silenced, by whom and until when. It ends by itself, after seven days at most.',
  input: strict({
    rule: Type.Enum(
      ALERT_RULES.map(({ id }) => id).filter((id) => !NEVER.includes(id)),
      { description: 'Which rule, for example senders.spike.' },
    ),
    forMs: milliseconds('For how long.', MAX_SILENCE_MS),
    ticket: name('Ticket or change number that this belongs to.'),
    reason: text('Why, in one line.', 500),
  }),
  output: strict({ silence: SilenceSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: [],
  cli: {
    command: 'alerts silence',
    positional: ['rule'],
    examples: [
      'gatehouse alerts silence senders.spike --for 2h --ticket OPS-7 --reason "spam wave, platform told"',
    ],
    offline: false,
  },
  async run({ services, caller }, { rule, forMs, ticket, reason }) {
    const until = services.clock.now() + forMs;
    const silence = await services.alerting.silence({ rule, by: caller.principal.id, ticket, reason, until });
    return { silence };
  },
});
