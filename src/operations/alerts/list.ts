import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { instant, name, page, strict } from '../schema.ts';
import { AlertSchema, AlertState } from './schema.ts';

const DEFAULT_LIMIT = 50;

export const alertsList = defineOperation({
  id: 'alerts.list',
  summary: 'List what needed a person: spikes of refused logins, sockets nobody declared, open channels',
  input: strict({
    since: Type.Optional(instant('Only alerts after this time.')),
    rule: Type.Optional(name('Only this rule, for example auth.spike.')),
    limit: Type.Optional(page(`Alerts at most; ${DEFAULT_LIMIT} when absent.`)),
  }),
  output: strict({
    alerts: Type.Array(
      strict({
        ...AlertSchema.properties,
        id: Type.String({ description: 'For `alerts show` and `alerts ack`.' }),
        state: AlertState,
      }),
      { description: 'In the order of writing.' },
    ),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'alerts list',
    examples: ['gatehouse alerts list --since 1h', 'gatehouse alerts list --rule auth.spike'],
    offline: true,
  },
  async run({ services }, { limit = DEFAULT_LIMIT, since, rule }) {
    const alerts = await services.alerts.list({
      limit,
      ...(since === undefined ? {} : { since }),
      ...(rule === undefined ? {} : { rule }),
    });
    const states = await services.alerting.states(alerts);
    return {
      alerts: alerts.map((alert) => {
        const id = `${alert.writer}:${alert.seq}`;
        return { ...alert, id, state: states.get(id) ?? ('new' as const) };
      }),
    };
  },
});
