import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { page, strict } from '../schema.ts';
import { LedgerFilter, searchOf } from './filter.ts';
import { RecordSchema } from './schema.ts';

const DEFAULT_LIMIT = 100;
const MAX_TEXT = 256;

export const ledgerSearch = defineOperation({
  id: 'ledger.search',
  summary: 'Find records by time, who, what, where, or any text in them',
  description:
    'The newest come first, page by page: pass `next` of the answer as `page` to go on. A page can be empty and have a next one: a call looks at no more than 200,000 records one by one.',
  input: strict({
    ...LedgerFilter,
    text: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_TEXT,
        description: 'Stands somewhere in the record; upper and lower case are alike.',
      }),
    ),
    limit: Type.Optional(page(`Records at most; ${DEFAULT_LIMIT} when absent.`)),
    page: Type.Optional(Type.Integer({ minimum: 0, description: '`next` of the page before this one.' })),
  }),
  output: strict({
    records: Type.Array(RecordSchema, { description: 'In the order of writing.' }),
    next: Type.Union([Type.Integer(), Type.Null()], {
      description: 'Where older records go on; null when everything was looked at.',
    }),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: {
    command: 'ledger search',
    positional: ['text'],
    examples: [
      'gatehouse ledger search --type login --outcome failure --since 1d',
      'gatehouse ledger search api.example.org --agent main',
      'gatehouse ledger search --address 203.0.113.9 --json',
      'gatehouse ledger search --trace 7d0f2c1e-52f5-4c52-9d3c-5a1b2c3d4e5f',
    ],
    offline: true,
  },
  run: ({ services }, { text, limit = DEFAULT_LIMIT, page: from, ...filter }) =>
    services.ledger.search({
      ...searchOf(filter),
      limit,
      ...(text === undefined ? {} : { text }),
      ...(from === undefined ? {} : { page: from }),
    }),
});
