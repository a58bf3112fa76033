import { type Static, Type } from 'typebox';
import type { LedgerRecord } from '../../controls/trace/types.ts';
import { defineOperation, type OperationContext } from '../define.ts';
import { page, strict } from '../schema.ts';
import { LedgerFilter, searchOf } from './filter.ts';
import { RecordSchema } from './schema.ts';

const DEFAULT_LIMIT = 50;
/** Milliseconds between two looks for records of other processes; our own are handed on at once. */
const LOOK_MS = 500;
const STEP = 500;

const { since, until, ...Exact } = LedgerFilter;
const Input = strict({
  since,
  until,
  ...Exact,
  limit: Type.Optional(page(`Records at most; ${DEFAULT_LIMIT} when absent.`)),
  follow: Type.Optional(Type.Boolean({ description: 'Go on with new records until stopped.' })),
});

const ExactInput = strict(Exact);
type Wanted = Static<typeof ExactInput>;

function fits(record: LedgerRecord, wanted: Wanted): boolean {
  const { type, action, outcome, trace, code, rule, subject, data } = record;
  const own = { type, action, outcome, trace, code, rule, address: data?.['address'] };
  const facts: Readonly<Record<string, unknown>> = { ...subject, ...own };
  return Object.entries(wanted).every(([key, value]) => value === undefined || facts[key] === value);
}

/** Hand on new records of every process until the caller goes away. */
async function follow(
  { services, signal, emit }: OperationContext<LedgerRecord>,
  from: number,
  wanted: Wanted,
): Promise<void> {
  const { ledger } = services;
  let place = from;
  while (!signal.aborted) {
    const step = await ledger.follow(place, STEP);
    place = step.place;
    for (const record of step.records) if (fits(record, wanted)) emit(record);
    if (step.records.length < STEP) await nextLook(ledger, signal);
  }
}

function nextLook(ledger: OperationContext['services']['ledger'], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stop();
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const stop = ledger.onAppend(done);
    const timer = setTimeout(done, LOOK_MS);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
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
  async run(context, { limit = DEFAULT_LIMIT, follow: wantsMore, ...filter }) {
    const { ledger } = context.services;
    // What is written from here on is shown by following, and not twice.
    const { place } = await ledger.follow(undefined, 0);
    const { records } = await ledger.search({ ...searchOf(filter), limit, page: place });
    if (wantsMore !== true) return { records };
    for (const record of records) context.emit(record);
    const { since: _since, until: _until, ...exact } = filter;
    await follow(context, place, exact);
    return { records: [] };
  },
});
