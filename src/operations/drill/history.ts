import { Type } from 'typebox';
import { drillHistory } from '../../controls/drills/index.ts';
import { defineOperation } from '../define.ts';
import { instant, names, page, strict } from '../schema.ts';
import { PastResultSchema, SummaryFields } from './schema.ts';

const DEFAULT_LIMIT = 20;

export const drillHistoryOf = defineOperation({
  id: 'drill.history',
  summary: 'Show past runs of drills and their results, as the ledger holds them',
  input: strict({
    names: Type.Optional(names('Results of these controls or drills only.')),
    since: Type.Optional(instant('Only after this time.')),
    limit: Type.Optional(page(`Runs, and results, at most; ${DEFAULT_LIMIT} when absent.`)),
  }),
  output: strict({
    runs: Type.Array(strict(SummaryFields), { description: 'The newest first.' }),
    results: Type.Array(PastResultSchema, { description: 'The newest first.' }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'drill history',
    positional: ['names'],
    examples: ['gatehouse drill history', 'gatehouse drill history auth.revoked-token --since 30d'],
    offline: true,
  },
  run: ({ services }, { names: wanted = [], since, limit = DEFAULT_LIMIT }) =>
    drillHistory(services.ledger, { names: wanted, limit, ...(since === undefined ? {} : { since }) }),
});
