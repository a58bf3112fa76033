import { hostname } from 'node:os';
import { Type } from 'typebox';
import type { EvidenceCursor } from '../../controls/trace/types.ts';
import { OP_CODES } from '../codes.ts';
import { defineOperation } from '../define.ts';
import { instant, strict } from '../schema.ts';

/** Chains of one ledger, and characters of a cursor that names them. */
const MAX_RANGES = 16;
const MAX_CURSOR = 8_192;

function encode(cursor: EvidenceCursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

function isRange(value: unknown): boolean {
  const { writer, from, to, prev } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const bounds = Number.isSafeInteger(from) && Number.isSafeInteger(to);
  return typeof writer === 'string' && typeof prev === 'string' && bounds;
}

/** A cursor that came back from a caller; it can name no more than a caller of this operation may read anyway. */
function decode(text: string): EvidenceCursor {
  try {
    const cursor = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as EvidenceCursor;
    const { format, ranges, place, records } = cursor;
    const sound =
      (format === 'ocsf' || format === 'json') &&
      Array.isArray(ranges) &&
      ranges.length <= MAX_RANGES &&
      ranges.every(isRange) &&
      Number.isSafeInteger(place) &&
      Number.isSafeInteger(records);
    if (sound) return cursor;
  } catch {
    // Said below.
  }
  throw OP_CODES.error('OP_INPUT_INVALID', 'the cursor is not one that this operation gave out');
}

export const ledgerEvidence = defineOperation({
  id: 'ledger.evidence',
  summary: 'Read the ledger as evidence, page by page',
  description:
    'Lines of a file that `gatehouse ledger verify` proves anywhere: a header with the signed checkpoint, one record per line, a closing line. `gatehouse ledger export` writes such a file.',
  input: strict({
    since: Type.Optional(instant('From this time on; the beginning when absent.')),
    until: Type.Optional(instant('Up to this time; now when absent.')),
    format: Type.Optional(
      Type.Enum(['ocsf', 'json'], {
        description: 'OCSF events with the record inside, or the records; ocsf when absent.',
      }),
    ),
    cursor: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_CURSOR,
        description: '`next` of the page before this one.',
      }),
    ),
  }),
  output: strict({
    lines: Type.Array(Type.String()),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'Where it goes on; null after the last line.',
    }),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: ['OP_INPUT_INVALID'],
  cli: {
    command: 'ledger evidence',
    examples: ['gatehouse ledger evidence --since 1h --json'],
    offline: true,
  },
  async run({ services }, { since = 0, until, format = 'ocsf', cursor }) {
    const { ledger, clock, runtime } = services;
    const source = { version: runtime.version, hostname: hostname() };
    const order = { format, since, until: until ?? clock.now() } as const;
    const page =
      cursor === undefined
        ? await ledger.beginEvidence(order, source)
        : await ledger.continueEvidence(decode(cursor), source);
    return { lines: page.lines, next: page.next === null ? null : encode(page.next) };
  },
});
