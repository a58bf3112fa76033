import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import type { RangeContext } from '../../../controls/drills/index.ts';
import type { TraceRange } from '../../../controls/trace/drills.ts';
import { verifyLedgerFile } from '../../../controls/trace/index.ts';
import type { HomePaths } from '../../../operations/services.ts';
import { readPublicKeys } from '../../public-keys.ts';

/** A copy of the ledger for drills, beside the sockets, which nobody backs up. */
export function tracePorts(
  { paths }: { readonly paths: HomePaths },
  context: RangeContext,
): Pick<TraceRange, 'copyOfLedger'> {
  return {
    async copyOfLedger({ id }) {
      const folder = join(paths.run, `drill-${id}`);
      await context.willMake('folder', `drill-${id}`);
      mkdirSync(folder, { mode: 0o700 });
      const path = join(folder, 'ledger.db');
      const live = new DatabaseSync(join(paths.state, 'ledger.db'), { readOnly: true });
      try {
        await backup(live, path);
      } finally {
        live.close();
      }
      return {
        records: count(path),
        change(sql) {
          const copy = new DatabaseSync(path);
          copy.exec(sql);
          copy.close();
        },
        problems: async () =>
          (await verifyLedgerFile({ path, publicKeys: await readPublicKeys(paths.keys) })).problems,
      };
    },
  };
}

function count(path: string): number {
  const copy = new DatabaseSync(path, { readOnly: true });
  const row = copy.prepare('SELECT count(*) AS records FROM records').get();
  copy.close();
  return Number(row?.['records'] ?? 0);
}
