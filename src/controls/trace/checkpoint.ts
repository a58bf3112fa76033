import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { GENESIS } from './record.ts';
import type { LedgerExtent } from './types.ts';

/** First element of every payload: nothing else that the key signs can be passed off as a checkpoint. */
const CHECKPOINT_DOMAIN = 'gatehouse-checkpoint-1';

/** Where a writer's chain ended when the checkpoint was made. */
export interface CheckpointHead {
  readonly writer: string;
  readonly seq: number;
  readonly hash: string;
}

/** What is signed: the ends of all chains, so that nothing before them can change or go unnoticed. */
export interface Checkpoint {
  readonly id: number;
  /** Unix milliseconds. */
  readonly at: number;
  /** Records of all writers together. */
  readonly records: number;
  /** Hash of the checkpoint before it. */
  readonly prev: string;
  /** Sorted by writer. */
  readonly heads: readonly CheckpointHead[];
}

/** A checkpoint as it is stored and anchored: the payload is kept as the very text that was signed. */
export interface SignedCheckpoint {
  readonly payload: string;
  readonly keyId: string;
  /** Ed25519 (RFC 8032) over the payload's UTF-8 bytes, base64 with padding (RFC 4648 section 4). */
  readonly signature: string;
}

export interface StoredCheckpoint extends SignedCheckpoint {
  readonly id: number;
  readonly hash: string;
}

/** Public keys by key id: Ed25519 as a key object or as PEM. */
export type PublicKeys = Readonly<Record<string, KeyObject | string>>;

/** The text that is signed: a JSON array without white space, one possible text per checkpoint. */
export function checkpointPayload(checkpoint: Checkpoint): string {
  const { id, at, records, prev, heads } = checkpoint;
  return JSON.stringify([
    CHECKPOINT_DOMAIN,
    id,
    at,
    records,
    prev,
    heads.map(({ writer, seq, hash }) => [writer, seq, hash]),
  ]);
}

export function checkpointHash(payload: string): string {
  return hash('sha256', payload);
}

/** Read a payload back; undefined for anything that is not exactly one. */
export function parseCheckpoint(payload: string): Checkpoint | undefined {
  try {
    const [, id, at, records, prev, heads] = JSON.parse(payload) as [
      unknown,
      number,
      number,
      number,
      string,
      [string, number, string][],
    ];
    const checkpoint: Checkpoint = {
      id,
      at,
      records,
      prev,
      heads: heads.map(([writer, seq, hash]) => ({ writer, seq, hash })),
    };
    const integers = [id, at, records, ...heads.map(([, seq]) => seq)];
    return integers.every(Number.isSafeInteger) && checkpointPayload(checkpoint) === payload
      ? checkpoint
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a listed key signed this payload. An unknown key proves nothing. */
export function signatureHolds(signed: SignedCheckpoint, keys: PublicKeys): boolean {
  const key = Object.hasOwn(keys, signed.keyId) ? keys[signed.keyId] : undefined;
  if (key === undefined) return false;
  try {
    const publicKey = typeof key === 'string' ? createPublicKey(key) : key;
    if (publicKey.asymmetricKeyType !== 'ed25519') return false;
    const signature = Buffer.from(signed.signature, 'base64');
    // One text per signature: spare bits and foreign characters would let somebody write it in another way.
    if (signature.toString('base64') !== signed.signature) return false;
    return verify(null, Buffer.from(signed.payload), publicKey, signature);
  } catch {
    return false;
  }
}

const COLUMNS = 'id, payload, hash, key_id AS keyId, signature';

export function lastCheckpoint(raw: DatabaseSync): StoredCheckpoint | undefined {
  const row = raw.prepare(`SELECT ${COLUMNS} FROM checkpoints ORDER BY id DESC LIMIT 1`).get();
  return row as unknown as StoredCheckpoint | undefined;
}

/** The next few checkpoints after an id, in order. */
export function checkpointsAfter(raw: DatabaseSync, id: number, limit: number): readonly StoredCheckpoint[] {
  const rows = raw
    .prepare(`SELECT ${COLUMNS} FROM checkpoints WHERE id > ? ORDER BY id LIMIT ?`)
    .all(id, limit);
  return rows as unknown as readonly StoredCheckpoint[];
}

/**
 * The first checkpoint for which `fits` holds. Ends of chains only grow, so what fits one fits every later one, and a
 * few of them have to be read.
 */
export function firstCheckpoint(
  raw: DatabaseSync,
  fits: (heads: ReadonlyMap<string, CheckpointHead>) => boolean,
): StoredCheckpoint | undefined {
  const one = raw.prepare(`SELECT ${COLUMNS} FROM checkpoints WHERE id >= ? ORDER BY id LIMIT 1`);
  const fitting = (id: number): StoredCheckpoint | undefined => {
    const stored = one.get(id) as unknown as StoredCheckpoint | undefined;
    const heads = stored === undefined ? undefined : parseCheckpoint(stored.payload)?.heads;
    return heads !== undefined && fits(new Map(heads.map((head) => [head.writer, head])))
      ? stored
      : undefined;
  };
  let [low, high] = [1, lastCheckpoint(raw)?.id ?? 0];
  if (high === 0 || fitting(high) === undefined) return undefined;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (fitting(middle) === undefined) low = middle + 1;
    else high = middle;
  }
  return fitting(low);
}

/** The ends of all chains as they are on disk now. */
export function currentHeads(raw: DatabaseSync): readonly CheckpointHead[] {
  const rows = raw.prepare('SELECT writer, seq, hash FROM heads ORDER BY writer').all();
  return rows.map((row) => ({ writer: String(row.writer), seq: Number(row.seq), hash: String(row.hash) }));
}

/** What to sign now; undefined when nothing was written since the last checkpoint. */
export function nextCheckpoint(raw: DatabaseSync, now: number): Checkpoint | undefined {
  const heads = currentHeads(raw);
  const last = lastCheckpoint(raw);
  const signed = last === undefined ? [] : parseCheckpoint(last.payload)?.heads;
  if (JSON.stringify(heads) === JSON.stringify(signed)) return undefined;
  return {
    id: (last?.id ?? 0) + 1,
    at: Math.trunc(now),
    records: heads.reduce((total, head) => total + head.seq, 0),
    prev: last?.hash ?? GENESIS,
    heads,
  };
}

/** How long the chains are, and what of them the last checkpoint covers. */
export function extentOf(raw: DatabaseSync): LedgerExtent {
  const heads = currentHeads(raw);
  const last = lastCheckpoint(raw);
  const signed = last === undefined ? undefined : parseCheckpoint(last.payload);
  let oldestUnsignedAt: number | null = null;
  let unsigned = 0;
  for (const { writer, seq } of heads) {
    const covered = signed?.heads.find((head) => head.writer === writer)?.seq ?? 0;
    if (seq <= covered) continue;
    unsigned += seq - covered;
    const row = raw
      .prepare('SELECT at FROM records WHERE writer = ? AND seq > ? ORDER BY seq LIMIT 1')
      .get(writer, covered);
    if (row !== undefined)
      oldestUnsignedAt = Math.min(oldestUnsignedAt ?? Number.MAX_SAFE_INTEGER, Number(row['at']));
  }
  return {
    heads: heads.map(({ writer, seq }) => ({ writer, seq })),
    unsigned,
    oldestUnsignedAt,
    signedAt: signed?.at ?? null,
  };
}

/** Store a signed checkpoint; false when another process stored one with this number first. */
export function storeCheckpoint(raw: DatabaseSync, id: number, signed: SignedCheckpoint): boolean {
  const { changes } = raw
    .prepare(
      `INSERT INTO checkpoints (id, payload, hash, key_id, signature) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO NOTHING`,
    )
    .run(id, signed.payload, checkpointHash(signed.payload), signed.keyId, signed.signature);
  return changes === 1;
}
