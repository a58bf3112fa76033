import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';

export const metricsShow = defineOperation({
  id: 'metrics.show',
  summary: 'Measure everything that Prometheus would scrape, and show it as its text format',
  description:
    'Prometheus itself reads GET /metrics on the listener of the metrics plane, with a token that has this scope and no other.',
  input: NoInput,
  output: strict({ text: Type.String({ description: 'Prometheus text format 0.0.4.' }) }),
  scope: 'metrics.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'metrics',
    examples: ['gatehouse metrics', 'gatehouse metrics | grep logins'],
    offline: false,
  },
  run: async ({ services }) => ({ text: await services.metrics.scrape() }),
});
