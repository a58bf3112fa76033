import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { LedgerReader } from './types.ts';

/** A place in the ledger's order of writing, with the hash of the record there. */
export interface Position {
  readonly id: number;
  readonly hash: string;
}

/** How far a destination is, durably. */
export interface CursorState extends Position {
  /** Unix milliseconds of the last delivery. */
  readonly at: number;
  /** Records that the destination refused and that were passed over. */
  readonly skipped: number;
  /** Earlier places, the newest last: where to go back to when the ledger is another one. */
  readonly earlier: readonly Position[];
}

/** Earlier places that are remembered; between them lie at least so many records. */
const MAX_EARLIER = 32;
const EARLIER_STEP = 1_000;

export const BEGINNING: CursorState = { id: 0, hash: '', at: 0, skipped: 0, earlier: [] };

function isPosition(value: unknown): value is Position {
  const { id, hash } = (value ?? {}) as Partial<Position>;
  return Number.isSafeInteger(id) && Number(id) >= 0 && typeof hash === 'string';
}

function parse(text: string): CursorState | undefined {
  try {
    const value = JSON.parse(text) as Partial<CursorState>;
    const { at, skipped, earlier } = value;
    return isPosition(value) &&
      typeof at === 'number' &&
      typeof skipped === 'number' &&
      Array.isArray(earlier)
      ? { id: value.id, hash: value.hash, at, skipped, earlier: earlier.filter(isPosition) }
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The place up to which a destination has everything. The ledger itself is the spool, so this file is all that is
 * kept per destination; it moves only after delivery, and is replaced as a whole (attack 99).
 */
export class Cursor {
  readonly #path: string;
  #state: CursorState = BEGINNING;

  constructor(path: string) {
    this.#path = path;
  }

  get state(): CursorState {
    return this.#state;
  }

  /** Read what an earlier process left. False when there is a file that cannot be read: delivery then begins anew. */
  load(): boolean {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (thrown) {
      return (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    }
    const state = parse(text);
    this.#state = state ?? BEGINNING;
    return state !== undefined;
  }

  /**
   * Whether the ledger still holds what was delivered last. When not (a power cut took unsynced records, or somebody
   * put another database in place), the newest earlier place that fits takes its stead: twice is better than never.
   */
  fit(reader: Pick<LedgerReader, 'hashAt' | 'after'>): boolean {
    const holds = ({ id, hash }: Position): boolean => {
      const found = reader.hashAt(id);
      // What retention removed from the front cannot be compared; nothing that is there comes before it.
      return id === 0 || found === hash || (found === undefined && reader.after(id, 1).length > 0);
    };
    if (holds(this.#state)) return true;
    const place = this.#state.earlier.findLast(holds) ?? { id: 0, hash: '' };
    const earlier = this.#state.earlier.filter(({ id }) => id < place.id);
    this.#state = { ...this.#state, ...place, earlier };
    return false;
  }

  /** Everything up to here was delivered. Durable when this returns. @throws when it cannot be written */
  advance(to: Position, now: number, skipped = 0): void {
    const { earlier, skipped: before } = this.#state;
    const last = earlier.at(-1);
    const kept =
      last === undefined || to.id - last.id >= EARLIER_STEP
        ? [...earlier, { id: to.id, hash: to.hash }].slice(-MAX_EARLIER)
        : earlier;
    const next = { id: to.id, hash: to.hash, at: now, skipped: before + skipped, earlier: kept };
    this.#write(next);
    this.#state = next;
  }

  #write(state: CursorState): void {
    const folder = dirname(this.#path);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const draft = join(folder, `.${randomBytes(6).toString('hex')}.draft`);
    try {
      const file = openSync(draft, 'wx', 0o600);
      try {
        writeSync(file, JSON.stringify(state));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(draft, this.#path);
    } catch (thrown) {
      rmSync(draft, { force: true });
      throw thrown;
    }
  }
}
