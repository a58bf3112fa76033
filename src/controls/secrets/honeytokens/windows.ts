import { createHmac } from 'node:crypto';

/** Bytes that are compared at once: 80 bits of a planted value, whatever stands around it. */
export const WINDOW = 16;
/** Odd, so that every byte keeps its weight modulo 2^32. */
const MULTIPLIER = 0x01000193;

/** One recognisable piece of a planted value. Neither field gives the piece back. */
export interface Print {
  /** Rolling hash modulo 2^32; finds candidates. */
  readonly roll: number;
  /** HMAC-SHA256 in hex; decides. */
  readonly digest: string;
}

/** The factor of the byte that leaves the window. */
const LEAVING = Array.from({ length: WINDOW - 1 }).reduce<number>((power) => Math.imul(power, MULTIPLIER), 1);

/** Names of hosts and some headers lose their case on the way, so it does not count. */
function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function digestOf(key: string, window: Uint8Array): string {
  return createHmac('sha256', key).update(window).digest('hex');
}

export function printOf(key: string, piece: string): Print {
  const bytes = Buffer.from(piece.toLowerCase(), 'latin1');
  if (bytes.length !== WINDOW) throw new RangeError(`a piece has ${WINDOW} bytes`);
  let roll = 0;
  for (const byte of bytes) roll = (Math.imul(roll, MULTIPLIER) + byte) >>> 0;
  return { roll, digest: digestOf(key, bytes) };
}

/**
 * Codings in which a piece is known again: as it is, backwards, hexadecimal, base64 in each alignment, and as it stands in
 * a URL (RFC 3986, section 2.1) or in JSON that escapes slashes.
 */
export function codingsOf(piece: string): readonly string[] {
  const bytes = Buffer.from(piece, 'latin1');
  const base64 = [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    const inner = text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
    const start = inner.slice(0, WINDOW);
    return [start, start.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const hex = bytes.toString('hex');
  const reversed = [...piece].reverse().join('');
  const escaped = [encodeURIComponent(piece), piece.replaceAll('/', '\\/')].map((text) =>
    text.slice(0, WINDOW),
  );
  return [...new Set([piece, reversed, hex.slice(0, WINDOW), ...base64, ...escaped])];
}

/** Finds prints in a stream of bytes in one pass, whatever the number of prints. */
export class WindowSearch {
  readonly #key: string;
  readonly #prints: ReadonlyMap<number, readonly { readonly digest: string; readonly id: string }[]>;
  readonly #last = Buffer.alloc(WINDOW);
  #roll = 0;
  #seen = 0;

  constructor(
    key: string,
    prints: ReadonlyMap<number, readonly { readonly digest: string; readonly id: string }[]>,
  ) {
    this.#key = key;
    this.#prints = prints;
  }

  /** Ids of what ends in this chunk. */
  push(chunk: Uint8Array): readonly string[] {
    const found = new Set<string>();
    for (const raw of chunk) {
      const byte = lower(raw);
      const at = this.#seen % WINDOW;
      const leaving = this.#last[at] ?? 0;
      this.#roll = (Math.imul(this.#roll - Math.imul(leaving, LEAVING), MULTIPLIER) + byte) >>> 0;
      this.#last[at] = byte;
      this.#seen += 1;
      const candidates = this.#seen < WINDOW ? undefined : this.#prints.get(this.#roll);
      if (candidates === undefined) continue;
      const start = this.#seen % WINDOW;
      const window = Buffer.concat([this.#last.subarray(start), this.#last.subarray(0, start)]);
      const digest = digestOf(this.#key, window);
      for (const { digest: wanted, id } of candidates) if (wanted === digest) found.add(id);
    }
    return [...found];
  }
}
