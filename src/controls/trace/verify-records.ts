import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Problems } from './problems.ts';
import { EVENT_COLUMNS, RECORD_DOMAIN, type Stored } from './record.ts';
import type { ChainCheck } from './verify-chain.ts';

/** Records read between two turns of the event loop: a running gateway goes on while its ledger is proven. */
const RECORDS_PER_TURN = 500;

/** Values left of a record of which only writer and seq could be read. */
const PLACE_ONLY = 2;

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
      rows = readOneByOne(raw, done, lastId);
      if (rows.length === 0) return damaged(problems);
    }
    if (rows.length === 0) return true;
    for (const row of rows) {
      const id = Number(row.pop());
      // In a damaged file the numbers can run in circles.
      if (!(id > done)) return damaged(problems);
      done = id;
      const hash = row.pop() ?? null;
      if (row.length === PLACE_ONLY) chain.addUnreadable(String(row[0]), Number(row[1]));
      else chain.add(row, hash);
    }
    await nextTurn();
  }
}

/**
 * Get past a record that stops its page: one that cannot be read is there with its place only. Empty when not
 * even the next id can be found.
 */
function readOneByOne(raw: DatabaseSync, after: number, lastId: number): readonly Stored[][] {
  const next = raw.prepare(
    `SELECT writer, CAST(seq AS TEXT), NULL, id FROM records WHERE id > ? AND id <= ? ORDER BY id LIMIT 1`,
  );
  const one = raw.prepare(`SELECT ${COLUMNS} FROM records WHERE id = ?`);
  for (const statement of [next, one]) statement.setReturnArrays(true);
  const rows: Stored[][] = [];
  let done = after;
  while (rows.length < RECORDS_PER_TURN) {
    const place = attempt(() => next.get(done, lastId) as unknown as Stored[] | undefined);
    if (place === undefined) break;
    done = Number(place.at(-1));
    rows.push(attempt(() => one.get(done) as unknown as Stored[] | undefined) ?? place);
  }
  return rows;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function damaged(problems: Problems): false {
  const detail = 'the file is damaged, and the records behind that place cannot be reached';
  problems.add('LEDGER_UNREADABLE', 'ledger', 0, detail);
  return false;
}
