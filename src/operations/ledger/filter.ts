import { type Static, Type } from 'typebox';
import type { LedgerSearch } from '../../controls/trace/types.ts';
import { instant, name, strict } from '../schema.ts';
import { LedgerTypeSchema, OutcomeSchema } from './schema.ts';

/** What can be said exactly; a record must agree with each. */
export const LedgerFilter = {
  since: Type.Optional(instant('Only records after this time.')),
  until: Type.Optional(instant('Only records before this time.')),
  type: Type.Optional(LedgerTypeSchema),
  action: Type.Optional(name('Only this action, for example tool.started.')),
  outcome: Type.Optional(OutcomeSchema),
  code: Type.Optional(name('Only this code.')),
  rule: Type.Optional(name('Only what this rule decided.')),
  trace: Type.Optional(name('Only what one message caused.')),
  principal: Type.Optional(name('Only what this principal caused.')),
  agent: Type.Optional(name('Only this agent.')),
  session: Type.Optional(name('Only this session.')),
  run: Type.Optional(name('Only this run.')),
  tool: Type.Optional(name('Only this tool.')),
  channel: Type.Optional(name('Only this channel.')),
  sender: Type.Optional(name('Only this sender.')),
  address: Type.Optional(name('Only this address of a client, or of what was connected to.')),
};

const Wanted = strict(LedgerFilter);

/** The filter as the ledger takes it. */
export function searchOf({ since, until, ...exact }: Static<typeof Wanted>): LedgerSearch {
  return {
    ...exact,
    ...(since === undefined ? {} : { after: since }),
    ...(until === undefined ? {} : { before: until }),
  };
}
