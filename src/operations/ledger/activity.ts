import { Type } from 'typebox';
import type { LedgerRecord } from '../../controls/trace/types.ts';
import { defineOperation } from '../define.ts';
import { instant, name, page, strict } from '../schema.ts';
import { OutcomeSchema } from './schema.ts';

const DEFAULT_LIMIT = 100;
const Text = Type.String();

const ActivitySchema = strict(
  {
    writer: Text,
    seq: Type.Integer({ description: 'The record of the ledger, together with the writer.' }),
    at: Type.Number({ description: 'Unix milliseconds.' }),
    outcome: OutcomeSchema,
    code: Type.Optional(Text),
    agent: Type.Optional(Text),
    session: Type.Optional(Text),
    run: Type.Optional(Text),
    tool: Type.Optional(Text),
    trace: Type.Optional(Text),
  },
  { description: 'That a tool call started or how it ended; never its arguments or output.' },
);

function activity({ writer, seq, at, outcome, code, trace, subject }: LedgerRecord) {
  const { agent, session, run, tool } = subject ?? {};
  const named = Object.entries({ code, agent, session, run, tool, trace });
  return {
    writer,
    seq,
    at,
    outcome,
    ...Object.fromEntries(named.filter(([, value]) => value !== undefined)),
  };
}

export const ledgerActivity = defineOperation({
  id: 'ledger.activity',
  summary: 'List the tool calls that your own messages caused',
  description: 'What others caused is in `ledger tail`, for administrators.',
  input: strict({
    limit: Type.Optional(page(`Records at most; ${DEFAULT_LIMIT} when absent.`)),
    since: Type.Optional(instant('Only records after this time.')),
    until: Type.Optional(instant('Only records before this time.')),
    agent: Type.Optional(name('Only this agent.')),
    session: Type.Optional(name('Only this session.')),
    run: Type.Optional(name('Only this run.')),
  }),
  output: strict({ activity: Type.Array(ActivitySchema, { description: 'In the order of writing.' }) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'ledger activity',
    examples: ['gatehouse ledger activity --limit 20', 'gatehouse ledger activity --since 1h'],
    offline: true,
  },
  async run({ caller, services }, { limit = DEFAULT_LIMIT, since, until, ...wanted }) {
    const records = await services.ledger.query({
      ...wanted,
      type: 'tool',
      principal: caller.principal.id,
      limit,
      ...(since === undefined ? {} : { after: since }),
      ...(until === undefined ? {} : { before: until }),
    });
    return { activity: records.map(activity) };
  },
});
