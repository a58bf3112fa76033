import { type Static, Type } from 'typebox';
import type { LedgerQuery, LedgerRecord } from '../../controls/trace/types.ts';
import { defineOperation, type OperationContext } from '../define.ts';
import { instant, name, page, strict } from '../schema.ts';
import { LedgerTypeSchema, RecordSchema } from './schema.ts';

const DEFAULT_LIMIT = 50;

/** What can be said exactly; a record must agree with each. */
const Filter = {
  type: Type.Optional(LedgerTypeSchema),
  action: Type.Optional(name('Only this action, for example tool.started.')),
  trace: Type.Optional(name('Only what one message caused.')),
  principal: Type.Optional(name('Only what this principal caused.')),
  agent: Type.Optional(name('Only this agent.')),
  session: Type.Optional(name('Only this session.')),
  run: Type.Optional(name('Only this run.')),
  code: Type.Optional(name('Only this code.')),
};

const Input = strict({
  limit: Type.Optional(page(`Records at most; ${DEFAULT_LIMIT} when absent.`)),
  since: Type.Optional(instant('Only records after this time.')),
  until: Type.Optional(instant('Only records before this time.')),
  follow: Type.Optional(Type.Boolean({ description: 'Go on with new records until stopped.' })),
  ...Filter,
});

type Wanted = Omit<Static<typeof Input>, 'limit' | 'since' | 'until' | 'follow'>;

function fits(record: LedgerRecord, wanted: Wanted): boolean {
  const { type, action, trace, code, subject } = record;
  const facts: Readonly<Record<string, unknown>> = { ...subject, type, action, trace, code };
  return Object.entries(wanted).every(([key, value]) => value === undefined || facts[key] === value);
}

/** Hand on new records until the caller goes away. */
async function follow({ services, signal, emit }: OperationContext<LedgerRecord>, wanted: Wanted) {
  const stop = services.ledger.onAppend((record) => {
    if (fits(record, wanted)) emit(record);
  });
  try {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  } finally {
    stop();
  }
}

export const ledgerTail = defineOperation({
  id: 'ledger.tail',
  summary: 'Show the last records of the ledger',
  input: Input,
  output: strict({ records: Type.Array(RecordSchema, { description: 'In the order of writing.' }) }),
  stream: Type.Unsafe<LedgerRecord>(RecordSchema),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: {
    command: 'ledger tail',
    examples: [
      'gatehouse ledger tail --limit 20',
      'gatehouse ledger tail --type decision --agent main',
      'gatehouse ledger tail --since 1h --follow',
    ],
    offline: true,
  },
  async run(context, { limit = DEFAULT_LIMIT, since, until, follow: wantsMore, ...wanted }) {
    const query: LedgerQuery = {
      ...wanted,
      limit,
      ...(since === undefined ? {} : { after: since }),
      ...(until === undefined ? {} : { before: until }),
    };
    const records = await context.services.ledger.query(query);
    if (wantsMore !== true) return { records };
    for (const record of records) context.emit(record);
    await follow(context, wanted);
    return { records: [] };
  },
});
