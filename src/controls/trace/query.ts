import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { type Redact, storedField } from './event.ts';
import { EVENT_COLUMNS, type RecordRow, toRecord } from './record.ts';
import type { LedgerQuery, LedgerRecord } from './types.ts';

/** Records that one query returns at most. */
export const MAX_QUERY_RECORDS = 1000;
const DEFAULT_QUERY_RECORDS = 100;

const COLUMNS = ['writer', 'seq', 'at', 'prev', ...EVENT_COLUMNS, 'hash'].join(', ');
const FILTERS = ['type', 'action', 'trace', 'principal', 'agent', 'session', 'run', 'code'] as const;

/** The last records that agree with every filter, in the order of writing. */
export function queryRecords(raw: DatabaseSync, query: LedgerQuery, redact: Redact): readonly LedgerRecord[] {
  const conditions: string[] = [];
  const values: SQLInputValue[] = [];
  const where = (condition: string, value: SQLInputValue | undefined): void => {
    if (value === undefined) return;
    conditions.push(condition);
    values.push(value);
  };
  where('at > ?', query.after);
  where('at < ?', query.before);
  for (const filter of FILTERS) {
    const wanted = query[filter];
    // A field was stored in its redacted, bounded form, so it is looked for in that form.
    where(`${filter} = ?`, wanted === undefined ? undefined : storedField(wanted, redact));
  }
  const limit = Math.min(Math.max(Math.trunc(query.limit ?? DEFAULT_QUERY_RECORDS), 0), MAX_QUERY_RECORDS);
  const rows = raw
    .prepare(
      `SELECT ${COLUMNS} FROM records ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
       ORDER BY id DESC LIMIT ?`,
    )
    .all(...values, limit);
  return rows.reverse().map((row) => toRecord(row as unknown as RecordRow));
}

/** At most so many records of one writer with a higher number, in their order. */
export function readWriter(
  raw: DatabaseSync,
  writer: string,
  after: number,
  limit: number,
): readonly LedgerRecord[] {
  const rows = raw
    .prepare(`SELECT ${COLUMNS} FROM records WHERE writer = ? AND seq > ? ORDER BY seq LIMIT ?`)
    .all(writer, after, Math.max(0, Math.trunc(limit)));
  return rows.map((row) => toRecord(row as unknown as RecordRow));
}

/** Number of the newest row over all writers; rows of all processes are numbered in the order of their commits. */
export function newestRow(raw: DatabaseSync): number {
  return Number(raw.prepare('SELECT max(id) AS id FROM records').get()?.['id'] ?? 0);
}

/** Records of one type behind a row, in the order of writing, and the row up to which everything was looked at. */
export function readType(
  raw: DatabaseSync,
  type: string,
  after: number,
  limit: number,
): { readonly records: readonly LedgerRecord[]; readonly position: number } {
  const newest = newestRow(raw);
  const rows = raw
    .prepare(`SELECT id, ${COLUMNS} FROM records WHERE type = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?`)
    .all(type, after, newest, limit);
  const last = rows.length < limit ? newest : Number(rows.at(-1)?.['id']);
  return {
    records: rows.map((row) => toRecord(row as unknown as RecordRow)),
    position: Math.max(after, last),
  };
}

export function getRecord(raw: DatabaseSync, writer: string, seq: number): LedgerRecord | undefined {
  const row = raw.prepare(`SELECT ${COLUMNS} FROM records WHERE writer = ? AND seq = ?`).get(writer, seq);
  return row === undefined ? undefined : toRecord(row as unknown as RecordRow);
}
