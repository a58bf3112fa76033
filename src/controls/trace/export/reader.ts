import type { DatabaseSync } from 'node:sqlite';
import { EVENT_COLUMNS, type RecordRow, toRecord } from '../record.ts';
import type { LedgerReader } from './types.ts';

const COLUMNS = ['id', 'writer', 'seq', 'at', 'prev', ...EVENT_COLUMNS, 'hash'].join(', ');

/** Records that are counted as waiting; beyond it the answer is this number. */
export const MAX_COUNTED = 1_000_000;

/** Read the ledger in the order of writing over a connection of one's own, which is closed with it. */
export function openLedgerReader(raw: DatabaseSync): LedgerReader {
  const page = raw.prepare(`SELECT ${COLUMNS} FROM records WHERE id > ? ORDER BY id LIMIT ?`);
  const hash = raw.prepare('SELECT hash FROM records WHERE id = ?');
  const count = raw.prepare(
    `SELECT count(*) AS count FROM (SELECT 1 FROM records WHERE id > ? LIMIT ${MAX_COUNTED})`,
  );
  const oldest = raw.prepare('SELECT at FROM records WHERE id > ? ORDER BY id LIMIT 1');
  return {
    after: (id, limit) =>
      page
        .all(id, limit)
        .map((row) => ({ id: Number(row['id']), record: toRecord(row as unknown as RecordRow) })),
    hashAt(id) {
      const found = hash.get(id)?.['hash'];
      return typeof found === 'string' ? found : undefined;
    },
    waiting: (id) => ({
      count: Number(count.get(id)?.['count'] ?? 0),
      oldestAt: Number(oldest.get(id)?.['at'] ?? 0) || null,
    }),
    close: () => raw.close(),
  };
}
