import { defineCodes } from '../../kernel/index.ts';

/** Why an alert could not be shown, acknowledged or delivered. */
export const ALERTING_CODES = defineCodes({
  ALERTING_UNKNOWN: {
    summary: 'there is no such alert, or no such silence',
    fix: 'Look it up with `gatehouse alerts list` or `gatehouse alerts silences`; an alert is named WRITER:NUMBER, for example gateway:812.',
    status: 404,
  },
  ALERTING_OWN: {
    summary: 'this alert is about what you did, so somebody else takes it',
    fix: 'Ask another person with operator.approvals, or an administrator.',
    status: 403,
  },
  ALERTING_NO_DESTINATION: {
    summary: 'no destination of that name is configured, so nobody can be told',
    fix: 'Add it under alerts.destinations (docs/operating/alerts.md) and try again.',
    status: 404,
  },
  ALERTING_UNDELIVERED: {
    summary: 'a destination has not taken alerts for a while; they wait and are tried again for a day',
    fix: 'See why with `gatehouse alerts destinations`, correct it, and prove it with `gatehouse alerts test`.',
    status: 503,
  },
  ALERTING_TEST: {
    summary: 'somebody asked whether alerts arrive',
    fix: 'Nothing has to be done.',
    status: 200,
  },
  ALERTING_SILENCED: {
    summary: 'somebody silenced a rule for a while; its alerts are recorded and not told',
    fix: 'If nobody knows why: `gatehouse alerts unsilence NUMBER`, and look at who did it.',
    status: 200,
  },
});
