import { type PublicKeys, signatureHolds } from '../checkpoint.ts';
import type { Problems } from '../problems.ts';
import { GENESIS, type Stored } from '../record.ts';
import {
  LEAF_DIGITS,
  parseRetirement,
  type Retirement,
  redactedDigest,
  rootOf,
  type SignedRetirement,
} from './retirement.ts';

/** Where what is left of a writer's chain begins. */
export interface Beginning {
  readonly seq: number;
  readonly hash: string;
}

const START: Beginning = { seq: 0, hash: GENESIS };

/** One redacted part while its records pass by. */
class Segment {
  readonly retirement: Retirement;
  readonly #digests: string[] = [];
  #wrong = 0;

  constructor(retirement: Retirement) {
    this.retirement = retirement;
  }

  /** Whether this record is what was left of it. */
  add(values: readonly Stored[], recordHash: Stored, seq: number): boolean {
    const digest = redactedDigest(values, recordHash);
    this.#digests.push(digest);
    const at = (seq - this.retirement.from) * LEAF_DIGITS;
    const holds = this.retirement.leaves.slice(at, at + LEAF_DIGITS) === digest.slice(0, LEAF_DIGITS);
    if (!holds) this.#wrong++;
    return holds;
  }

  /** A change that no leaf shows would have to collide in its digits; the root has them all. */
  get isWhole(): boolean {
    const { from, to, root } = this.retirement;
    return this.#wrong > 0 || this.#digests.length !== to - from + 1 || rootOf(this.#digests) === root;
  }
}

/** What policy took out, as far as its signatures hold: no other record may be missing or without its content. */
export class Retired {
  readonly #beginnings = new Map<string, Beginning>();
  readonly #segments = new Map<string, Segment[]>();
  readonly #problems: Problems;

  constructor(stored: readonly SignedRetirement[], keys: PublicKeys, problems: Problems) {
    this.#problems = problems;
    for (const signed of stored) {
      const retirement = parseRetirement(signed.payload);
      if (retirement === undefined || retirement.id !== signed.id) {
        problems.add('LEDGER_UNREADABLE', 'retirement', signed.id, 'its payload is not that of a retirement');
      } else if (!signatureHolds(signed, keys)) {
        problems.add(
          'LEDGER_SIGNATURE_BAD',
          'retirement',
          signed.id,
          'nobody with the key took these records out',
        );
      } else this.#accept(retirement);
    }
  }

  /** Where the chain of a writer goes on behind what was removed. */
  beginning(writer: string): Beginning {
    return this.#beginnings.get(writer) ?? START;
  }

  beginnings(): ReadonlyMap<string, Beginning> {
    return this.#beginnings;
  }

  /** Whether a record is one whose content was taken out; `holds` says whether the rest is as it was left. */
  redacted(
    writer: string,
    seq: number,
    values: readonly Stored[],
    hash: Stored,
  ): { readonly holds: boolean } | undefined {
    const segment = segmentOf(this.#segments.get(writer) ?? [], seq);
    return segment === undefined ? undefined : { holds: segment.add(values, hash, seq) };
  }

  finish(): void {
    for (const [writer, segments] of this.#segments) {
      for (const segment of segments) {
        const { from, to } = segment.retirement;
        if (from > this.beginning(writer).seq && !segment.isWhole)
          this.#problems.add(
            'LEDGER_EDITED',
            writer,
            from,
            `or another redacted record up to ${to} was changed`,
          );
      }
    }
  }

  #accept(retirement: Retirement): void {
    const { kind, writer, from, to, prev, hash, id } = retirement;
    if (kind === 'redacted') {
      this.#segments.set(writer, [...(this.#segments.get(writer) ?? []), new Segment(retirement)]);
      return;
    }
    const before = this.beginning(writer);
    if (from !== before.seq + 1 || prev !== before.hash) {
      this.#problems.add(
        'LEDGER_MISSING',
        'retirement',
        id,
        `another one up to record ${from - 1} of ${writer} is gone`,
      );
      return;
    }
    this.#beginnings.set(writer, { seq: to, hash });
  }
}

/** Segments are written in the order of their records. */
function segmentOf(segments: readonly Segment[], seq: number): Segment | undefined {
  let [low, high] = [0, segments.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const segment = segments[middle];
    if (segment === undefined) return undefined;
    const { from, to } = segment.retirement;
    if (seq < from) high = middle - 1;
    else if (seq > to) low = middle + 1;
    else return segment;
  }
  return undefined;
}
