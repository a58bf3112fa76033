import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { DetailsSchema } from './schema.ts';

export const alertsShow = defineOperation({
  id: 'alerts.show',
  summary: 'Show one alert: what people are told word for word, whom it reached, and who has taken it',
  input: strict({ id: name('WRITER:NUMBER, as `alerts list` shows it, for example gateway:812.') }),
  output: DetailsSchema,
  scope: 'operator.read',
  effect: 'read',
  errors: ['ALERTING_UNKNOWN'],
  cli: {
    command: 'alerts show',
    positional: ['id'],
    examples: ['gatehouse alerts show gateway:812'],
    offline: true,
  },
  run: ({ services }, { id }) => services.alerting.show(id),
});
