import { DatabaseSync } from 'node:sqlite';
import { queryRecords } from './query.ts';
import { parseRetirement, storedRetirements } from './retention/retirement.ts';
import type { LedgerQuery, LedgerRecord } from './types.ts';

/** The records of a ledger file that nobody here writes to. */
export interface PastLedger extends Disposable {
  query(query: LedgerQuery): Promise<readonly LedgerRecord[]>;
  /** Where each writer's chain ends. */
  ends(): ReadonlyMap<string, number>;
  /**
   * Whether this record is part of its chain: it is there with this hash, or retention took it out under a signature
   * that verification checks.
   */
  holds(head: { readonly writer: string; readonly seq: number; readonly hash: string }): boolean;
}

/** Open a ledger file for questions only. Proves nothing: see `verifyLedgerFile`. */
export function openPastLedger(path: string): PastLedger {
  const raw = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  // Whoever brings the file may have put views in the place of tables (https://www.sqlite.org/security.html).
  raw.enableDefensive(true);
  raw.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON');
  const removed = () =>
    storedRetirements(raw)
      .map(({ payload }) => parseRetirement(payload))
      .filter((one) => one?.kind === 'removed');
  return {
    ends() {
      const rows = raw.prepare('SELECT writer, seq FROM heads').all();
      return new Map(rows.map(({ writer, seq }) => [String(writer), Number(seq)]));
    },
    holds({ writer, seq, hash }) {
      const found = raw.prepare('SELECT hash FROM records WHERE writer = ? AND seq = ?').get(writer, seq);
      if (found !== undefined) return found['hash'] === hash;
      return removed().some(
        (one) =>
          one?.writer === writer && one.from <= seq && seq <= one.to && (seq < one.to || one.hash === hash),
      );
    },
    query: async (query) => queryRecords(raw, query, (text) => text),
    [Symbol.dispose]: () => raw.close(),
  };
}
