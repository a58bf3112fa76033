import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import {
  ACTIVE_GRANTS_SQL,
  type GrantRecord,
  type GrantTable,
  recordOf,
} from '../../controls/grants/index.ts';
import { openConnection } from '../../drivers/sqlite/connection.ts';
import type { GrantSource } from './grants.ts';

/** Grants straight from the state database, and their records straight from the ledger, without the right to write. */
export function openGrantSource(stateFile: string, ledgerFile: string): GrantSource & { close(): void } {
  let state: DatabaseSync | undefined;
  let ledger: DatabaseSync | undefined;
  const rows = (): readonly GrantTable[] => {
    if (state === undefined && !existsSync(stateFile)) return [];
    state ??= openConnection(stateFile, { readOnly: true });
    try {
      return state.prepare(ACTIVE_GRANTS_SQL).all() as unknown as readonly GrantTable[];
    } catch (thrown) {
      // A new home: the gateway makes the table at its first start.
      if (String(thrown).includes('no such table')) return [];
      throw thrown;
    }
  };
  return {
    read: () =>
      rows().flatMap((row): GrantRecord[] => {
        try {
          return [recordOf(row)];
        } catch {
          return [];
        }
      }),
    recorded(trace, digest) {
      ledger ??= openConnection(ledgerFile, { readOnly: true });
      const found = ledger
        .prepare(
          "SELECT data FROM records WHERE trace = ? AND type = 'change' AND action IN ('grant.added', 'grant.approved')",
        )
        .all(trace);
      return found.some(({ data }) => (JSON.parse(String(data)) as { digest?: unknown }).digest === digest);
    },
    close() {
      state?.close();
      ledger?.close();
    },
  };
}
