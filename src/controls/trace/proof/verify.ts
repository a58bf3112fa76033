import {
  type Checkpoint,
  type PublicKeys,
  parseCheckpoint,
  type SignedCheckpoint,
  signatureHolds,
} from '../checkpoint.ts';
import { EVIDENCE_CODES } from '../evidence/codes.ts';
import { toOcsf } from '../ocsf/event.ts';
import type { OcsfSource } from '../ocsf/source.ts';
import { Problems } from '../problems.ts';
import { Retired } from '../retention/retired.ts';
import type { LedgerRecord, VerifyReport } from '../types.ts';
import { ChainCheck } from '../verify-chain.ts';
import { EVIDENCE_END, EVIDENCE_FORMAT, type EvidenceHeader, valuesOf } from './format.ts';

/** Characters of one line: a record of 32 KB as an event, and a header with its signatures. */
export const MAX_EVIDENCE_LINE = 16 * 1024 ** 2;

export interface EvidenceReport extends VerifyReport {
  /** Unix milliseconds: which time the file is about, and when it was made, as it says itself. */
  readonly since: number;
  readonly until: number;
  readonly createdAt: number;
}

/**
 * Prove a file of evidence with nothing but the public keys: every record by its hash, its place by the chain, the
 * chain by a signed checkpoint, and an event by the record that it was made from.
 *
 * @throws LEDGER_EVIDENCE_INVALID when it is no such file
 */
export async function verifyEvidence(
  lines: AsyncIterable<string>,
  keys: PublicKeys,
): Promise<EvidenceReport> {
  const problems = new Problems();
  let check: EvidenceCheck | undefined;
  let number = 0;
  for await (const line of lines) {
    number++;
    if (check === undefined) check = new EvidenceCheck(headerOf(line), keys, problems);
    else check.line(line, number);
  }
  if (check === undefined) throw EVIDENCE_CODES.error('LEDGER_EVIDENCE_INVALID');
  return check.report();
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  if (line.length > MAX_EVIDENCE_LINE) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isSigned(value: unknown): value is SignedCheckpoint {
  const { payload, keyId, signature } = (value ?? {}) as Partial<SignedCheckpoint>;
  return typeof payload === 'string' && typeof keyId === 'string' && typeof signature === 'string';
}

function headerOf(line: string): EvidenceHeader {
  const header = parse(line) as Partial<EvidenceHeader> | undefined;
  const { ranges, retirements, checkpoint, format } = header ?? {};
  const sound =
    header?.evidence === EVIDENCE_FORMAT &&
    (format === 'ocsf' || format === 'json') &&
    Array.isArray(ranges) &&
    ranges.every(
      ({ writer, from, to, prev }) =>
        typeof writer === 'string' &&
        typeof prev === 'string' &&
        Number.isSafeInteger(from) &&
        Number.isSafeInteger(to) &&
        from >= 1 &&
        to >= from,
    ) &&
    Array.isArray(retirements) &&
    retirements.every(
      (one) => isSigned(one) && Number.isSafeInteger((one as { readonly id?: unknown }).id),
    ) &&
    new Set(ranges.map(({ writer }) => writer)).size === ranges.length &&
    (checkpoint === null || isSigned(checkpoint));
  if (!sound) throw EVIDENCE_CODES.error('LEDGER_EVIDENCE_INVALID');
  return header as EvidenceHeader;
}

function isEventOf(event: unknown, record: LedgerRecord, source: OcsfSource): boolean {
  try {
    return JSON.stringify(event) === JSON.stringify(toOcsf(record, source));
  } catch {
    // Somebody's record with values of other kinds than ours.
    return false;
  }
}

class EvidenceCheck {
  readonly #header: EvidenceHeader;
  readonly #problems: Problems;
  readonly #retired: Retired;
  readonly #chain: ChainCheck;
  readonly #checkpoint: Checkpoint | undefined;
  readonly #atHead = new Map<string, string>();
  #end: number | undefined;

  constructor(header: EvidenceHeader, keys: PublicKeys, problems: Problems) {
    this.#header = header;
    this.#problems = problems;
    this.#retired = new Retired(header.retirements, keys, problems);
    this.#chain = new ChainCheck(problems, this.#retired);
    for (const { writer, from, prev } of header.ranges) this.#chain.begin(writer, from - 1, prev);
    this.#checkpoint = this.#readCheckpoint(keys);
  }

  line(text: string, number: number): void {
    const value = parse(text);
    if (this.#end !== undefined) {
      this.#problems.add('LEDGER_EDITED', 'file', number, 'stands behind the closing line');
    } else if (value === undefined) {
      this.#problems.add('LEDGER_UNREADABLE', 'file', number, 'is not a line of evidence');
    } else if (value['evidence'] === EVIDENCE_END) {
      this.#end = Number(value['records']);
    } else this.#record(value, number);
  }

  report(): EvidenceReport {
    const { since, until, createdAt, ranges } = this.#header;
    const problems = this.#problems;
    if (this.#end === undefined) {
      problems.add('LEDGER_TRUNCATED', 'file', 0, 'the closing line is not there');
    } else if (this.#end !== this.#chain.records) {
      problems.add('LEDGER_MISSING', 'file', 0, `the closing line speaks of ${this.#end} records`);
    }
    this.#chain.finish();
    for (const { writer, to } of ranges) {
      const end = this.#chain.end(writer).seq;
      if (end < to) problems.add('LEDGER_TRUNCATED', writer, end + 1, `and all up to ${to} are gone`);
      if (end > to) problems.add('LEDGER_EDITED', writer, to + 1, 'was added behind the end');
    }
    const unsigned = this.#checkHeads();
    const list = problems.list();
    return {
      ok: list.length === 0,
      records: this.#chain.records,
      checkpoints: this.#checkpoint === undefined ? 0 : 1,
      writers: this.#chain.ends(),
      problems: list,
      unsigned,
      problemsOmitted: problems.omitted,
      since,
      until,
      createdAt,
    };
  }

  #record(value: Readonly<Record<string, unknown>>, number: number): void {
    const { format, version, hostname } = this.#header;
    const unmapped = value['unmapped'] as { readonly gatehouse?: unknown } | undefined;
    const record = (format === 'ocsf' ? unmapped?.gatehouse : value) as LedgerRecord | undefined;
    if (
      typeof record?.writer !== 'string' ||
      !Number.isSafeInteger(record.seq) ||
      typeof record.hash !== 'string'
    ) {
      this.#problems.add('LEDGER_UNREADABLE', 'file', number, 'holds no record');
      return;
    }
    const { writer, seq, hash } = record;
    if (!this.#header.ranges.some((range) => range.writer === writer)) {
      this.#problems.add('LEDGER_EDITED', writer, seq, 'is not of a part that this file is about');
      return;
    }
    // The record proves itself; what a reader looks at is the event, which has to be the one that it becomes.
    if (format === 'ocsf' && !isEventOf(value, record, { version, hostname })) {
      this.#problems.add('LEDGER_EDITED', writer, seq, 'its event says something else than its record');
    }
    this.#chain.add(valuesOf(record), hash);
    const head = this.#checkpoint?.heads.find((one) => one.writer === writer);
    if (head?.seq === seq) this.#atHead.set(writer, hash);
  }

  #readCheckpoint(keys: PublicKeys): Checkpoint | undefined {
    const { checkpoint: signed } = this.#header;
    if (signed === null) return undefined;
    const checkpoint = parseCheckpoint(signed.payload);
    if (checkpoint === undefined) {
      this.#problems.add('LEDGER_UNREADABLE', 'checkpoint', 0, 'its payload is not that of a checkpoint');
    } else if (!signatureHolds(signed, keys)) {
      const known = Object.hasOwn(keys, signed.keyId);
      this.#problems.add(
        'LEDGER_SIGNATURE_BAD',
        'checkpoint',
        checkpoint.id,
        known ? 'somebody without the key wrote or changed it' : 'no public key of that name was given',
      );
    } else return checkpoint;
    return undefined;
  }

  /** How many records no signature covers. A part that ends before the signed head of its writer is not covered at all. */
  #checkHeads(): number {
    let unsigned = 0;
    for (const { writer, from } of this.#header.ranges) {
      const head = this.#checkpoint?.heads.find((one) => one.writer === writer);
      const found = this.#atHead.get(writer);
      const end = this.#chain.end(writer).seq;
      if (head !== undefined && found !== undefined && found !== head.hash)
        this.#problems.add('LEDGER_EDITED', writer, head.seq, 'is another one than the checkpoint names');
      const covered = head !== undefined && found === head.hash ? head.seq : from - 1;
      if (end > covered) {
        // A file that travels has nothing else to be believed by: what nobody signed, anybody may have added.
        const detail = `and all up to ${end} are under no signature`;
        this.#problems.add('LEDGER_SIGNATURE_BAD', writer, covered + 1, detail);
      }
      unsigned += Math.max(0, end - covered);
    }
    return unsigned;
  }
}
