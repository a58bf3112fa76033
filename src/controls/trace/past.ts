import { DatabaseSync } from 'node:sqlite';
import { queryRecords } from './query.ts';
import type { LedgerQuery, LedgerRecord } from './types.ts';

/** The records of a ledger file that nobody here writes to. */
export interface PastLedger extends Disposable {
  query(query: LedgerQuery): Promise<readonly LedgerRecord[]>;
}

/** Open a ledger file for questions only. Proves nothing: see `verifyLedgerFile`. */
export function openPastLedger(path: string): PastLedger {
  const raw = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  return {
    query: async (query) => queryRecords(raw, query, (text) => text),
    [Symbol.dispose]: () => raw.close(),
  };
}
