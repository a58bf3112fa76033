import { hash as sha256 } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../../kernel/index.ts';
import { firstCheckpoint, parseCheckpoint } from '../checkpoint.ts';
import { LEDGER_CODES } from '../codes.ts';
import { EVENT_COLUMNS, GENESIS, RECORD_DOMAIN, type Stored } from '../record.ts';
import type { Sign } from '../signer.ts';
import type { Redactable } from './order.ts';
import {
  LEAF_DIGITS,
  MAX_RETIRED,
  parseRetirement,
  type Retirement,
  redactedDigest,
  retirementPayload,
  rootOf,
  storedRetirements,
} from './retirement.ts';

const REDACTED_DATA = '{"redacted":true}';
const REDACTED_FIELD = '[redacted]';

export interface Range {
  readonly writer: string;
  readonly from: number;
  readonly to: number;
  /** Hash of the record before `from`. */
  readonly prev: string;
}

export interface RetireParts {
  readonly raw: DatabaseSync;
  readonly clock: Pick<Clock, 'now'>;
  readonly sign: Sign;
  /** Keeps the records elsewhere first and returns the SHA-256 of the file; absent when that is not wanted. */
  readonly archive?: ((range: Range) => Promise<string>) | undefined;
}

function lastOf(
  raw: DatabaseSync,
  writer: string,
  kind: Retirement['kind'],
): { readonly to: number; readonly hash: string } {
  const own = storedRetirements(raw)
    .map(({ payload }) => parseRetirement(payload))
    .filter((one) => one?.writer === writer && one.kind === kind);
  const last = own.at(-1);
  return last === undefined ? { to: 0, hash: GENESIS } : { to: last.to, hash: last.hash };
}

/** The number of the first record of a writer behind `after` that is not older than that time. */
function firstKept(raw: DatabaseSync, writer: string, after: number, before: number): number {
  const found = raw
    .prepare('SELECT seq FROM records WHERE writer = ? AND seq > ? AND at >= ? ORDER BY seq LIMIT 1')
    .get(writer, after, before);
  const end = raw.prepare('SELECT seq FROM heads WHERE writer = ?').get(writer);
  // The last record stays in any case: what comes next is chained to it.
  return Math.min(Number(found?.['seq'] ?? Number.MAX_SAFE_INTEGER), Number(end?.['seq'] ?? 0));
}

/**
 * The next part of a writer's chain that is older than `before` and that a checkpoint signed, or undefined. Removal
 * goes in order from the front; a redacted part goes as a whole or stays.
 */
export function nextToRemove(raw: DatabaseSync, writer: string, before: number): Range | undefined {
  const done = lastOf(raw, writer, 'removed');
  const from = done.to + 1;
  const most = Math.min(firstKept(raw, writer, done.to, before) - 1, done.to + MAX_RETIRED);
  const signed = signedUpTo(raw, writer, most);
  const split = storedRetirements(raw)
    .map(({ payload }) => parseRetirement(payload))
    .find(
      (one) => one?.kind === 'redacted' && one.writer === writer && one.from <= signed && signed < one.to,
    );
  const to = split === undefined ? signed : split.from - 1;
  return to < from ? undefined : { writer, from, to, prev: done.hash };
}

/** The next part whose content is to be taken out. */
export function nextToRedact(raw: DatabaseSync, writer: string, before: number): Range | undefined {
  const start = Math.max(lastOf(raw, writer, 'redacted').to, lastOf(raw, writer, 'removed').to);
  const from = start + 1;
  const most = Math.min(firstKept(raw, writer, start, before) - 1, start + MAX_RETIRED);
  const to = signedUpTo(raw, writer, most);
  if (to < from) return undefined;
  const first = raw.prepare('SELECT prev FROM records WHERE writer = ? AND seq = ?').get(writer, from);
  return first === undefined ? undefined : { writer, from, to, prev: String(first['prev']) };
}

/** The largest end of a writer's chain that a checkpoint names and that is not behind `most`; 0 when there is none. */
function signedUpTo(raw: DatabaseSync, writer: string, most: number): number {
  const beyond = firstCheckpoint(raw, (heads) => (heads.get(writer)?.seq ?? 0) > most);
  const row = raw
    .prepare('SELECT payload FROM checkpoints WHERE id < ? ORDER BY id DESC LIMIT 1')
    .get(beyond?.id ?? Number.MAX_SAFE_INTEGER);
  const heads = parseCheckpoint(String(row?.['payload'] ?? ''))?.heads ?? [];
  return heads.find((head) => head.writer === writer)?.seq ?? 0;
}

const COLUMNS = `'${RECORD_DOMAIN}', writer, seq, at, prev, ${EVENT_COLUMNS.join(', ')}, hash`;
const FIRST_EVENT_VALUE = 5;

function rowsOf(raw: DatabaseSync, { writer, from, to }: Range): readonly Stored[][] {
  const statement = raw.prepare(
    `SELECT ${COLUMNS} FROM records WHERE writer = ? AND seq BETWEEN ? AND ? ORDER BY seq`,
  );
  statement.setReturnArrays(true);
  return statement.all(writer, from, to) as unknown as readonly Stored[][];
}

/** What is left of a record's values. */
function redactedValues(values: readonly Stored[], columns: readonly Redactable[]): readonly Stored[] {
  return values.map((value, index) => {
    const column = EVENT_COLUMNS[index - FIRST_EVENT_VALUE];
    if (value === null || !columns.some((one) => one === column)) return value;
    return column === 'data' ? REDACTED_DATA : REDACTED_FIELD;
  });
}

/** Take records out. In one transaction with the signed retirement, so that no crash leaves one without the other. */
export async function removeRange(parts: RetireParts, range: Range): Promise<Retirement> {
  const { raw, archive } = parts;
  const archived = (await archive?.(range)) ?? '';
  const hashes = rowsOf(raw, range).map((row) => String(row.at(-1)));
  const facts = { kind: 'removed', root: rootOf(hashes), leaves: '', archive: archived } as const;
  return settle(parts, range, facts, hashes, () => {
    raw
      .prepare('DELETE FROM records WHERE writer = ? AND seq BETWEEN ? AND ?')
      .run(range.writer, range.from, range.to);
  });
}

/** Take the content of records out; time, kind, outcome, code and place in the chain stay. */
export async function redactRange(
  parts: RetireParts,
  range: Range,
  columns: readonly Redactable[],
): Promise<Retirement> {
  const { raw } = parts;
  const rows = rowsOf(raw, range);
  const hashes = rows.map((row) => String(row.at(-1)));
  const digests = rows.map((row) =>
    redactedDigest(redactedValues(row.slice(0, -1), columns), row.at(-1) ?? null),
  );
  const leaves = digests.map((digest) => digest.slice(0, LEAF_DIGITS)).join('');
  const facts = { kind: 'redacted', root: rootOf(digests), leaves, archive: '' } as const;
  const set = columns.map((column) => {
    const text = column === 'data' ? REDACTED_DATA : REDACTED_FIELD;
    return `${column} = CASE WHEN ${column} IS NULL THEN NULL ELSE '${text}' END`;
  });
  return settle(parts, range, facts, hashes, () => {
    raw
      .prepare(`UPDATE records SET ${set.join(', ')} WHERE writer = ? AND seq BETWEEN ? AND ?`)
      .run(range.writer, range.from, range.to);
  });
}

async function settle(
  { raw, clock, sign }: RetireParts,
  range: Range,
  facts: Pick<Retirement, 'kind' | 'root' | 'leaves' | 'archive'>,
  hashes: readonly string[],
  change: () => void,
): Promise<Retirement> {
  const { writer, from, to, prev } = range;
  const last = hashes.at(-1);
  if (last === undefined || hashes.length !== to - from + 1)
    throw LEDGER_CODES.error('LEDGER_DAMAGED', undefined, { details: { writer } });
  const retirement: Retirement = {
    ...facts,
    id: storedRetirements(raw).length + 1,
    at: Math.trunc(clock.now()),
    writer,
    from,
    to,
    prev,
    hash: last,
  };
  const payload = retirementPayload(retirement);
  const { keyId, signature } = await sign(Buffer.from(payload));
  raw.exec('BEGIN IMMEDIATE');
  try {
    const now = rowsOf(raw, range).map((row) => String(row.at(-1)));
    if (sha256('sha256', now.join('')) !== sha256('sha256', hashes.join('')))
      throw LEDGER_CODES.error('LEDGER_DAMAGED', undefined, { details: { writer } });
    raw
      .prepare('INSERT INTO retirements (id, payload, key_id, signature) VALUES (?, ?, ?, ?)')
      .run(retirement.id, payload, keyId, signature);
    change();
    raw.exec('COMMIT');
  } catch (thrown) {
    if (raw.isTransaction) raw.exec('ROLLBACK');
    throw thrown;
  }
  return retirement;
}
