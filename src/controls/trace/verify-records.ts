import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Problems } from './problems.ts';
import { EVENT_COLUMNS, RECORD_DOMAIN, type Stored } from './record.ts';
import type { ChainCheck } from './verify-chain.ts';

/** Records read between two turns of the event loop: a running gateway goes on while its ledger is proven. */
const RECORDS_PER_TURN = 500;

const COLUMNS = `'${RECORD_DOMAIN}', writer, seq, at, prev, ${EVENT_COLUMNS.join(', ')}, hash, id`;

/**
 * Put every record up to `lastId` through the check, a few at a time. Returns false when the file is damaged
 * so far that the rest cannot be reached.
 */
export async function checkRecords(
  raw: DatabaseSync,
  lastId: number,
  chain: ChainCheck,
  problems: Problems,
): Promise<boolean> {
  const page = raw.prepare(`SELECT ${COLUMNS} FROM records WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`);
  page.setReturnArrays(true);
  let done = Number.MIN_SAFE_INTEGER;
  for (;;) {
    let rows: readonly Stored[][];
    try {
      rows = page.all(done, lastId, RECORDS_PER_TURN) as unknown as readonly Stored[][];
    } catch {
      const reached = checkOneByOne(raw, done, lastId, chain, problems);
      if (reached === undefined) return false;
      done = reached;
      continue;
    }
    if (rows.length === 0) return true;
    for (const row of rows) done = addRow(row, chain);
    await nextTurn();
  }
}

/** Consumes the row: what is left of it is what the record's hash covers. */
function addRow(row: Stored[], chain: ChainCheck): number {
  const id = Number(row.pop());
  const hash = row.pop() ?? null;
  chain.add(row, hash);
  return id;
}

/** Get past the record that stopped a page; returns the last id, or undefined when nothing can be read. */
function checkOneByOne(
  raw: DatabaseSync,
  after: number,
  lastId: number,
  chain: ChainCheck,
  problems: Problems,
): number | undefined {
  const next = raw.prepare(
    `SELECT id, writer, CAST(seq AS TEXT) AS seq FROM records WHERE id > ? AND id <= ? ORDER BY id LIMIT 1`,
  );
  const one = raw.prepare(`SELECT ${COLUMNS} FROM records WHERE id = ?`);
  one.setReturnArrays(true);
  let done = after;
  try {
    for (let count = 0; count < RECORDS_PER_TURN; count++) {
      const place = next.get(done, lastId);
      if (place === undefined) break;
      done = Number(place.id);
      const row = readOne(() => one.get(done) as unknown as Stored[]);
      if (row === undefined) chain.addUnreadable(String(place.writer), Number(place.seq));
      else addRow(row, chain);
    }
    return done;
  } catch {
    problems.add(
      'LEDGER_UNREADABLE',
      'ledger',
      0,
      'the file is damaged, and the records behind that place are lost',
    );
    return undefined;
  }
}

function readOne<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
