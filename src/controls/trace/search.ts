import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { type Redact, storedField } from './event.ts';
import { MAX_QUERY_RECORDS } from './query.ts';
import { EVENT_COLUMNS, type RecordRow, toRecord } from './record.ts';
import { ADDRESS, HAS_ADDRESS } from './tables.ts';
import type { LedgerRecord, LedgerSearch, SearchPage } from './types.ts';

/** Records of one page when nothing is said. */
export const DEFAULT_PAGE = 100;
/** Records that one call looks at for a text, and in one step; the rest is on the next page. */
export const MAX_SCANNED = 200_000;
const SCAN_STEP = 200;
/** Milliseconds after which one call looks no further: nothing else happens in the process meanwhile. */
export const SCAN_MS = 250;
/** Characters of a text that is looked for. */
export const MAX_SEARCH_TEXT = 256;

const COLUMNS = ['id', 'writer', 'seq', 'at', 'prev', ...EVENT_COLUMNS, 'hash'].join(', ');
const EXACT = [
  'type',
  'action',
  'outcome',
  'trace',
  'principal',
  'agent',
  'session',
  'run',
  'code',
  'rule',
  'tool',
  'channel',
  'sender',
] as const;
/** What an index finds; anything else is looked for among what these, or the times, leave. */
const INDEXED = ['type', 'trace', 'principal', 'agent', 'session', 'run', 'code', 'address'] as const;
/** Everything of a record that a person would look for. */
const SEARCHED = ['action', 'code', 'rule', 'principal', 'agent', 'session', 'run', 'tool', 'sender', 'data'];

class Conditions {
  readonly texts: string[] = [];
  readonly values: SQLInputValue[] = [];

  add(text: string, ...values: readonly SQLInputValue[]): void {
    this.texts.push(text);
    this.values.push(...values);
  }
}

function conditionsOf(search: LedgerSearch, redact: Redact): Conditions {
  const conditions = new Conditions();
  // The sign keeps the planner from walking the index of times, whose order is not that of the answer.
  if (search.after !== undefined) conditions.add('+at > ?', search.after);
  if (search.before !== undefined) conditions.add('+at < ?', search.before);
  if (search.writer !== undefined) conditions.add('writer = ?', search.writer);
  for (const name of EXACT) {
    const wanted = search[name];
    // A field was stored in its redacted, bounded form, so it is looked for in that form.
    if (wanted !== undefined) conditions.add(`${name} = ?`, storedField(wanted, redact));
  }
  if (search.address !== undefined) conditions.add(`${HAS_ADDRESS} AND ${ADDRESS} = ?`, search.address);
  if (search.text !== undefined) {
    const pattern = `%${search.text.slice(0, MAX_SEARCH_TEXT).replace(/[\\%_]/g, (char) => `\\${char}`)}%`;
    conditions.add(
      `(${SEARCHED.map((column) => `${column} LIKE ? ESCAPE '\\'`).join(' OR ')})`,
      ...SEARCHED.map(() => pattern),
    );
  }
  return conditions;
}

/** The places between which records of that time lie; clocks that jump widen it and lose nothing. */
function placesOf(
  raw: DatabaseSync,
  { after, before }: LedgerSearch,
): { readonly low: number; readonly high: number } {
  const edge = (text: string, values: readonly SQLInputValue[]): number | null =>
    raw.prepare(text).get(...values)?.['place'] as number | null;
  const whole = raw.prepare('SELECT min(id) AS low, max(id) AS high FROM records').get();
  const [low, high] = [Number(whole?.['low'] ?? 0), Number(whole?.['high'] ?? -1)];
  const first =
    after === undefined ? low : edge('SELECT min(id) AS place FROM records WHERE at > ?', [after]);
  const last =
    before === undefined ? high : edge('SELECT max(id) AS place FROM records WHERE at < ?', [before]);
  return first === null || last === null ? { low: 0, high: -1 } : { low: Number(first), high: Number(last) };
}

/** The newest records that agree with everything, and where the next page begins. */
export function searchRecords(raw: DatabaseSync, search: LedgerSearch, redact: Redact): SearchPage {
  const { texts, values } = conditionsOf(search, redact);
  const limit = Math.min(Math.max(Math.trunc(search.limit ?? DEFAULT_PAGE), 1), MAX_QUERY_RECORDS);
  const { low, high } = placesOf(raw, search);
  const statement = raw.prepare(
    `SELECT ${COLUMNS} FROM records WHERE ${['id <= ?', 'id >= ?', ...texts].join(' AND ')} ORDER BY id DESC LIMIT ?`,
  );
  // Without an index to go by, records are looked at one by one, a bounded number per call.
  // So are they for a text: what it costs is chosen by whoever looks and whoever wrote (attack 93).
  const scans = search.text !== undefined || !INDEXED.some((name) => search[name] !== undefined);
  const found: { readonly id: number; readonly record: LedgerRecord }[] = [];
  let top = Math.min(search.page ?? high, high);
  let scanned = 0;
  const until = performance.now() + SCAN_MS;
  const goesOn = () => scanned === 0 || (scanned < MAX_SCANNED && performance.now() < until);
  while (top >= low && found.length < limit && goesOn()) {
    const bottom = scans ? Math.max(low, top - SCAN_STEP + 1) : low;
    const rows = statement.all(top, bottom, ...values, limit - found.length);
    for (const row of rows)
      found.push({ id: Number(row['id']), record: toRecord(row as unknown as RecordRow) });
    scanned += top - bottom + 1;
    top = bottom - 1;
  }
  const full = found.length >= limit;
  const next = full ? (found.at(-1)?.id ?? low) - 1 : top;
  return { records: found.reverse().map(({ record }) => record), next: next >= low ? next : null };
}

/** Records of all writers behind a place. */
export function recordsAfter(raw: DatabaseSync, place: number | undefined, limit: number) {
  if (place === undefined) {
    const last = raw.prepare('SELECT max(id) AS place FROM records').get()?.['place'];
    return { records: [], place: Number(last ?? 0) };
  }
  const rows = raw
    .prepare(`SELECT ${COLUMNS} FROM records WHERE id > ? ORDER BY id LIMIT ?`)
    .all(place, limit);
  return {
    records: rows.map((row) => toRecord(row as unknown as RecordRow)),
    place: Number(rows.at(-1)?.['id'] ?? place),
  };
}
