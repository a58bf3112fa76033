import { type Hit, hitsIn, MAX_WRITTEN_BYTES, type Unpacker } from './patterns.ts';

/** A hit with its place in the whole stream. */
export interface Found extends Omit<Hit, 'at'> {
  readonly offset: number;
  readonly line: number | null;
  readonly column: number | null;
}

/** Bytes that are looked at together. */
export const WINDOW_BYTES = 1024 ** 2;
const NEWLINE = 10;
/** Zero bytes in the beginning, and not every other byte: lines mean nothing. */
const LOOK_BYTES = 4_096;

/** Finds tokens in a stream of bytes with bounded memory. */
export class Detector {
  readonly #unpacker: Unpacker;
  readonly #onFound: (found: Found) => void;
  #chunks: Buffer[] = [];
  #held = 0;
  /** Bytes of the window that were in the one before. */
  #carried = 0;
  /** Offset of the window in the stream, lines before it, and characters of the line it begins in. */
  #start = 0;
  #lines = 0;
  #before = 0;
  #isBinary: boolean | undefined;
  #told = new Set<string>();

  constructor(unpacker: Unpacker, onFound: (found: Found) => void) {
    this.#unpacker = unpacker;
    this.#onFound = onFound;
  }

  feed(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held >= WINDOW_BYTES + MAX_WRITTEN_BYTES) this.#look(MAX_WRITTEN_BYTES);
  }

  end(): void {
    this.#look(0);
  }

  #look(keep: number): void {
    const window =
      this.#chunks.length === 1 ? (this.#chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#chunks);
    this.#isBinary ??= looksBinary(window.subarray(0, LOOK_BYTES));
    const hits = this.#carried === window.length ? [] : hitsIn(window.toString('latin1'), this.#unpacker);
    const told = new Set<string>();
    for (const { at, ...hit } of [...hits].sort((a, b) => a.at - b.at)) {
      const offset = this.#start + at;
      const key = `${offset} ${hit.digest}`;
      if (at >= window.length - keep) told.add(key);
      if (this.#told.has(key)) continue;
      this.#told.add(key);
      this.#onFound({ ...hit, offset, ...this.#place(window, at, hit.encoding) });
    }
    this.#told = told;
    const passed = window.length - Math.min(keep, window.length);
    const { lines, before } = this.#count(window, passed);
    this.#lines = lines;
    this.#before = before;
    this.#start += passed;
    this.#carried = window.length - passed;
    this.#chunks = this.#carried === 0 ? [] : [window.subarray(passed)];
    this.#held = this.#carried;
  }

  #place(window: Buffer, at: number, encoding: Hit['encoding']) {
    if (this.#isBinary === true && encoding !== 'utf-16') return { line: null, column: null };
    const { lines, before } = this.#count(window, at);
    // Two bytes a character; the byte order mark and the zero byte of the line feed do not count.
    const column = encoding === 'utf-16' ? Math.ceil((before + 1) / 2) : before + 1;
    return { line: lines + 1, column };
  }

  /** Lines before this place, and characters between the last line feed and it. */
  #count(window: Buffer, until: number): { readonly lines: number; readonly before: number } {
    let lines = this.#lines;
    let last = -1;
    for (let at = window.indexOf(NEWLINE); at !== -1 && at < until; at = window.indexOf(NEWLINE, at + 1)) {
      lines += 1;
      last = at;
    }
    let characters = last === -1 ? this.#before : 0;
    // RFC 3629: bytes 10xxxxxx continue a character.
    for (let at = last + 1; at < until; at++) if (((window[at] ?? 0) & 0xc0) !== 0x80) characters += 1;
    return { lines, before: characters };
  }
}

function looksBinary(beginning: Buffer): boolean {
  const zeros = beginning.filter((byte) => byte === 0).length;
  return zeros > 1 && zeros < beginning.length / 3;
}
