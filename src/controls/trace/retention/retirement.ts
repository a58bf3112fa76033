import { hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { SignedCheckpoint } from '../checkpoint.ts';
import type { Stored } from '../record.ts';
import { hasRetirements } from '../tables.ts';

/** First element of every payload: nothing else that the key signs can be passed off as a retirement. */
const RETIREMENT_DOMAIN = 'gatehouse-retirement-1';

/** Records of one retirement at most: a payload stays well below what egress signs at once. */
export const MAX_RETIRED = 5_000;
/** Hexadecimal digits kept of each redacted record's digest, to name the one that was changed. */
export const LEAF_DIGITS = 8;

/**
 * Records that policy took out of the ledger, or whose content it took out (T5). What is signed keeps the chain
 * provable: where the part began and ended, and what it held.
 */
export interface Retirement {
  readonly id: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly kind: 'removed' | 'redacted';
  readonly writer: string;
  readonly from: number;
  readonly to: number;
  /** Hash of the record before `from`, and of the record `to`. */
  readonly prev: string;
  readonly hash: string;
  /** Removed: SHA-256 over the hashes in order. Redacted: over the digests of what is left of each record. */
  readonly root: string;
  /** Redacted: the first digits of each digest. Empty for removed ones. */
  readonly leaves: string;
  /** SHA-256 of the file that they were archived in first; empty when they were not. */
  readonly archive: string;
}

export interface SignedRetirement extends SignedCheckpoint {
  readonly id: number;
}

export function retirementPayload(retirement: Retirement): string {
  const { id, at, kind, writer, from, to, prev, hash: last, root, leaves, archive } = retirement;
  return JSON.stringify([
    RETIREMENT_DOMAIN,
    id,
    at,
    kind,
    writer,
    from,
    to,
    prev,
    last,
    root,
    leaves,
    archive,
  ]);
}

/** Read a payload back; undefined for anything that is not exactly one. */
export function parseRetirement(payload: string): Retirement | undefined {
  try {
    const [, id, at, kind, writer, from, to, prev, last, root, leaves, archive] = JSON.parse(payload) as [
      unknown,
      number,
      number,
      Retirement['kind'],
      string,
      number,
      number,
      string,
      string,
      string,
      string,
      string,
    ];
    const retirement = { id, at, kind, writer, from, to, prev, hash: last, root, leaves, archive };
    const sound =
      [id, at, from, to].every(Number.isSafeInteger) &&
      from >= 1 &&
      to >= from &&
      to - from < MAX_RETIRED &&
      (kind === 'removed' || kind === 'redacted');
    return sound && retirementPayload(retirement) === payload ? retirement : undefined;
  } catch {
    return undefined;
  }
}

/** Every retirement of the ledger in its order; none in a ledger of an earlier version. */
export function storedRetirements(raw: DatabaseSync): readonly SignedRetirement[] {
  if (!hasRetirements(raw)) return [];
  const rows = raw
    .prepare('SELECT id, payload, key_id AS keyId, signature FROM retirements ORDER BY id')
    .all();
  return rows as unknown as readonly SignedRetirement[];
}

/** Digest of a redacted record as it is stored: everything that its hash would cover, and that hash. */
export function redactedDigest(values: readonly Stored[], recordHash: Stored): string {
  return hash('sha256', JSON.stringify([...values, recordHash]));
}

export function rootOf(digests: readonly string[]): string {
  return hash('sha256', digests.join(''));
}
