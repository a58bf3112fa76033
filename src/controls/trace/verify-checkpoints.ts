import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type AnchorLine, readAnchor } from './anchor.ts';
import {
  type Checkpoint,
  type CheckpointHead,
  checkpointHash,
  checkpointsAfter,
  type PublicKeys,
  parseCheckpoint,
  type SignedCheckpoint,
  type StoredCheckpoint,
  signatureHolds,
} from './checkpoint.ts';
import type { Problems } from './problems.ts';
import { GENESIS } from './record.ts';
import type { ChainCheck } from './verify-chain.ts';

const CHECKPOINTS_PER_TURN = 50;

interface CheckpointCheckOptions {
  readonly raw: DatabaseSync;
  readonly keys: PublicKeys;
  readonly chain: ChainCheck;
  readonly problems: Problems;
}

/** Compares the records with everything that once said where their chains ended. */
export class CheckpointCheck {
  readonly #options: CheckpointCheckOptions;
  readonly #hashAt;
  #checked = 0;
  #last: Checkpoint | undefined;

  constructor(options: CheckpointCheckOptions) {
    this.#options = options;
    this.#hashAt = options.raw.prepare('SELECT hash FROM records WHERE writer = ? AND seq = ?');
  }

  get checked(): number {
    return this.#checked;
  }

  /** Records after the last checkpoint whose signature holds. */
  unsigned(): number {
    const signed = new Map(this.#last?.heads.map((head) => [head.writer, head.seq]));
    const ends = this.#options.chain.ends();
    return ends.reduce((total, { writer, head }) => total + Math.max(head - (signed.get(writer) ?? 0), 0), 0);
  }

  /** The ends that each commit marks: they show what was cut off or added since the last checkpoint. */
  checkHeads(heads: readonly CheckpointHead[]): void {
    const marked = new Map(heads.map((head) => [head.writer, head.seq]));
    for (const head of heads) this.#checkHead(head, 'the mark of its writer');
    for (const { writer, head } of this.#options.chain.ends()) {
      const end = marked.get(writer) ?? 0;
      if (head > end) {
        this.#options.problems.add('LEDGER_EDITED', writer, end + 1, 'was added behind the marked end');
      }
    }
  }

  /** The stored checkpoints up to `lastId`: their own chain, their signatures, and what they say. */
  async checkStored(lastId: number): Promise<void> {
    const { raw, problems } = this.#options;
    let before: StoredCheckpoint | undefined;
    for (;;) {
      const page = checkpointsAfter(raw, before?.id ?? 0, CHECKPOINTS_PER_TURN).filter(
        ({ id }) => id <= lastId,
      );
      for (const stored of page) {
        // In a damaged file the numbers can run in circles.
        if (stored.id <= (before?.id ?? 0)) {
          problems.add('LEDGER_UNREADABLE', 'checkpoint', stored.id, 'the file is damaged at that place');
          return;
        }
        const expected = (before?.id ?? 0) + 1;
        if (stored.id !== expected) problems.add('LEDGER_MISSING', 'checkpoint', expected, 'is not there');
        this.#checkOne(stored, stored.id === expected ? (before?.hash ?? GENESIS) : undefined);
        before = stored;
      }
      if (page.length === 0) return;
      await nextTurn();
    }
  }

  /** The copy outside: it knows of checkpoints that somebody removed together with the records. */
  async checkAnchor(path: string, bytes: number, lastId: number): Promise<void> {
    await this.checkLines(readAnchor(path, bytes), lastId, 'the anchor file');
  }

  /** As `checkAnchor`, for what any other place keeps; `place` is its name in what is reported. */
  async checkLines(lines: AsyncIterable<AnchorLine>, lastId: number, place: string): Promise<void> {
    const { raw, problems } = this.#options;
    const stored = raw.prepare('SELECT payload, key_id AS keyId, signature FROM checkpoints WHERE id = ?');
    for await (const { line, signed } of lines) {
      const checkpoint = signed === undefined ? undefined : parseCheckpoint(signed.payload);
      if (signed === undefined || checkpoint === undefined) {
        problems.add('LEDGER_UNREADABLE', 'anchor', line, 'is not a checkpoint');
        continue;
      }
      const known = stored.get(checkpoint.id) as unknown as SignedCheckpoint | undefined;
      if (known?.payload !== signed.payload || known.signature !== signed.signature) {
        this.#checkForeign({ line, place }, signed, checkpoint, known, lastId);
      }
    }
  }

  #checkOne(stored: StoredCheckpoint, prev: string | undefined): void {
    const { keys, problems } = this.#options;
    this.#checked++;
    const checkpoint = parseCheckpoint(stored.payload);
    if (checkpoint === undefined) {
      problems.add('LEDGER_UNREADABLE', 'checkpoint', stored.id, 'its payload is not that of a checkpoint');
      return;
    }
    if (checkpoint.id !== stored.id) {
      problems.add('LEDGER_REORDERED', 'checkpoint', stored.id, `holds checkpoint ${checkpoint.id}`);
    }
    if (checkpointHash(stored.payload) !== stored.hash) {
      problems.add('LEDGER_EDITED', 'checkpoint', stored.id, 'its content does not have its hash');
    } else if (prev !== undefined && checkpoint.prev !== prev) {
      problems.add('LEDGER_EDITED', 'checkpoint', stored.id, 'was written after another one');
    }
    if (!signatureHolds(stored, keys)) {
      problems.add('LEDGER_SIGNATURE_BAD', 'checkpoint', stored.id, signatureDetail(stored, keys));
      return;
    }
    this.#last = checkpoint;
    for (const head of checkpoint.heads) this.#checkHead(head, `checkpoint ${checkpoint.id}`);
  }

  #checkForeign(
    { line, place }: { readonly line: number; readonly place: string },
    signed: SignedCheckpoint,
    checkpoint: Checkpoint,
    known: SignedCheckpoint | undefined,
    lastId: number,
  ): void {
    const { keys, problems } = this.#options;
    if (!signatureHolds(signed, keys)) {
      problems.add('LEDGER_SIGNATURE_BAD', 'anchor', line, signatureDetail(signed, keys));
      return;
    }
    if (known?.payload === signed.payload) return;
    const code =
      known !== undefined ? 'LEDGER_EDITED' : checkpoint.id > lastId ? 'LEDGER_TRUNCATED' : 'LEDGER_MISSING';
    problems.add(code, 'checkpoint', checkpoint.id, `line ${line} of ${place} has it`);
    for (const head of checkpoint.heads) this.#checkHead(head, `line ${line} of ${place}`);
  }

  #checkHead({ writer, seq, hash }: CheckpointHead, source: string): void {
    const { chain, problems } = this.#options;
    const end = chain.end(writer).seq;
    if (seq > end) {
      const detail = `and all up to ${seq}, which ${source} names, are gone`;
      problems.add('LEDGER_TRUNCATED', writer, end + 1, detail);
      return;
    }
    const found = this.#hashAt.get(writer, seq);
    if (found === undefined || found.hash === hash || problems.has('LEDGER_REORDERED', writer, seq)) return;
    problems.add('LEDGER_EDITED', writer, seq, `is another one than ${source} names`);
  }
}

function signatureDetail({ keyId }: SignedCheckpoint, keys: PublicKeys): string {
  return Object.hasOwn(keys, keyId)
    ? 'somebody without the key wrote or changed it'
    : 'no public key of that name was given';
}
