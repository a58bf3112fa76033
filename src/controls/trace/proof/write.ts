import type { DatabaseSync } from 'node:sqlite';
import { firstCheckpoint, lastCheckpoint, parseCheckpoint, type SignedCheckpoint } from '../checkpoint.ts';
import { encodeRecord } from '../export/encode.ts';
import type { OcsfSource } from '../ocsf/source.ts';
import { EVENT_COLUMNS, GENESIS, type RecordRow, toRecord } from '../record.ts';
import { parseRetirement, type Retirement, storedRetirements } from '../retention/retirement.ts';
import { EVIDENCE_END, EVIDENCE_FORMAT, type EvidenceEnd, type EvidenceHeader } from './format.ts';
import type { EvidenceCursor, EvidenceOrder, EvidencePage, EvidenceRange } from './page.ts';

/** Records of one page. */
export const EVIDENCE_PAGE = 1_000;

const COLUMNS = ['id', 'writer', 'seq', 'at', 'prev', ...EVENT_COLUMNS, 'hash'].join(', ');

/**
 * Begin an export: the chains of all writers, whole, over that time and on to the next signed checkpoint, since a record
 * is proven by what comes after it.
 */
export function beginEvidence(
  raw: DatabaseSync,
  order: EvidenceOrder,
  source: OcsfSource,
  now: number,
): EvidencePage {
  const asked = rangesOf(raw, order);
  const checkpoint = coveringCheckpoint(raw, asked);
  const heads = new Map(
    (checkpoint === undefined ? [] : (parseCheckpoint(checkpoint.payload)?.heads ?? [])).map((head) => [
      head.writer,
      head.seq,
    ]),
  );
  const reached = asked.map((range) => ({
    ...range,
    to: Math.max(range.to, Math.min(heads.get(range.writer) ?? 0, MAX_SEQ)),
  }));
  const parts = storedRetirements(raw).map(({ payload }) => parseRetirement(payload));
  return pageOf(
    raw,
    { order, ranges: reached.map((range) => withWholeSegments(raw, range, parts)), checkpoint },
    source,
    now,
  );
}

/** Evidence of one part of a chain whose end a checkpoint names: what is archived before it is removed. */
export function beginArchive(
  raw: DatabaseSync,
  range: EvidenceRange,
  source: OcsfSource,
  now: number,
): EvidencePage {
  const checkpoint = coveringCheckpoint(raw, [range]);
  const order = { format: 'json', since: 0, until: now } as const;
  return pageOf(raw, { order, ranges: [range], checkpoint }, source, now);
}

interface Plan {
  readonly order: EvidenceOrder;
  readonly ranges: readonly EvidenceRange[];
  readonly checkpoint: SignedCheckpoint | undefined;
}

function pageOf(
  raw: DatabaseSync,
  { order, ranges, checkpoint }: Plan,
  source: OcsfSource,
  now: number,
): EvidencePage {
  const { format, since, until } = order;
  const header: EvidenceHeader = {
    evidence: EVIDENCE_FORMAT,
    format,
    version: source.version,
    hostname: source.hostname,
    createdAt: now,
    since,
    until,
    ranges,
    checkpoint: checkpoint === undefined ? null : plain(checkpoint),
    retirements: storedRetirements(raw).flatMap((signed) => {
      const retirement = parseRetirement(signed.payload);
      const concerns = ranges.some((range) => retirement?.kind === 'redacted' && overlap(range, retirement));
      return concerns ? [{ id: signed.id, ...plain(signed) }] : [];
    }),
  };
  const place = ranges.length === 0 ? 0 : Math.min(...ranges.map((range) => placeOf(raw, range))) - 1;
  return { lines: [JSON.stringify(header)], next: { format, ranges, place, records: 0 } };
}

/** The next records, and the closing line after the last. */
export function continueEvidence(
  raw: DatabaseSync,
  cursor: EvidenceCursor,
  source: OcsfSource,
): EvidencePage {
  const { format, ranges } = cursor;
  const within = ranges.map(() => '(writer = ? AND seq BETWEEN ? AND ?)').join(' OR ');
  const rows =
    ranges.length === 0
      ? []
      : raw
          .prepare(
            `SELECT ${COLUMNS} FROM records WHERE id > ? AND (${within}) ORDER BY id LIMIT ${EVIDENCE_PAGE}`,
          )
          .all(cursor.place, ...ranges.flatMap(({ writer, from, to }) => [writer, from, to]));
  const lines = rows.map((row) => encodeRecord(toRecord(row as unknown as RecordRow), format, source));
  const records = cursor.records + rows.length;
  const total = ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  const last = rows.at(-1);
  if (last !== undefined && records < total)
    return { lines, next: { format, ranges, place: Number(last['id']), records } };
  const end: EvidenceEnd = { evidence: EVIDENCE_END, records };
  return { lines: [...lines, JSON.stringify(end)], next: null };
}

const MAX_SEQ = Number.MAX_SAFE_INTEGER;

function plain({ payload, keyId, signature }: SignedCheckpoint): SignedCheckpoint {
  return { payload, keyId, signature };
}

/** Clocks jump: the part of each chain between the first and the last record of that time, whatever lies between. */
function rangesOf(raw: DatabaseSync, { since, until }: EvidenceOrder): readonly EvidenceRange[] {
  const rows = raw
    .prepare(
      'SELECT writer, min(seq) AS low, max(seq) AS high FROM records WHERE at >= ? AND at <= ? GROUP BY writer ORDER BY writer',
    )
    .all(since, until);
  return rows.map((row) => {
    const [writer, from, to] = [String(row['writer']), Number(row['low']), Number(row['high'])];
    return { writer, from, to, prev: prevOf(raw, writer, from) };
  });
}

function prevOf(raw: DatabaseSync, writer: string, seq: number): string {
  const row = raw.prepare('SELECT prev FROM records WHERE writer = ? AND seq = ?').get(writer, seq);
  return String(row?.['prev'] ?? GENESIS);
}

function placeOf(raw: DatabaseSync, { writer, from }: EvidenceRange): number {
  return Number(
    raw.prepare('SELECT id FROM records WHERE writer = ? AND seq = ?').get(writer, from)?.['id'] ?? 1,
  );
}

/** The first checkpoint behind everything that was asked for; the last one there is when the end is not signed yet. */
function coveringCheckpoint(
  raw: DatabaseSync,
  ranges: readonly EvidenceRange[],
): SignedCheckpoint | undefined {
  const covering = firstCheckpoint(raw, (heads) =>
    ranges.every(({ writer, to }) => (heads.get(writer)?.seq ?? 0) >= to),
  );
  return covering ?? lastCheckpoint(raw);
}

function overlap(range: EvidenceRange, { writer, from, to }: Retirement): boolean {
  return range.writer === writer && range.from <= to && from <= range.to;
}

/** A redacted part can be proven as a whole only. */
function withWholeSegments(
  raw: DatabaseSync,
  range: EvidenceRange,
  retirements: readonly (Retirement | undefined)[],
): EvidenceRange {
  const parts = retirements.filter(
    (one): one is Retirement => one?.kind === 'redacted' && overlap(range, one),
  );
  const from = Math.min(range.from, ...parts.map((part) => part.from));
  const to = Math.max(range.to, ...parts.map((part) => part.to));
  return { ...range, from, to, prev: from === range.from ? range.prev : prevOf(raw, range.writer, from) };
}
