/** POSIX.1-2017 `pax`, "ustar Interchange Format", and the GNU extension for long names. */
const BLOCK = 512;
/** A name longer than this is cut: it only says where something was found. */
const MAX_NAME_BYTES = 4_096;
/** Longest extension header that is read; what is longer is passed over. */
const MAX_HEADER_BYTES = 65_536;
const LONG_NAME = 'L';
const PAX = 'x';

/** What a tar archive is made of, for a reader that wants every byte and writes none to disk. */
export interface TarEvents {
  member(name: string): void;
  data(chunk: Buffer): void | Promise<void>;
  endMember(): void | Promise<void>;
  /** What follows is no archive any more. */
  damaged(): void;
}

/** Whether these 512 bytes are a header: their sum is in them. */
export function isTarHeader(block: Buffer): boolean {
  if (block.length < BLOCK) return false;
  const written = octal(block.subarray(148, 156));
  if (written === undefined) return false;
  let sum = 8 * 32;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return sum === written;
}

function octal(field: Buffer): number | undefined {
  const text = field.toString('latin1').replaceAll('\0', ' ').trim();
  return /^[0-7]{1,12}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

/** Octal, or with the first bit set binary (GNU). */
function sizeOf(field: Buffer): number | undefined {
  if (((field[0] ?? 0) & 0x80) === 0) return octal(field);
  const size = field.subarray(4).readBigUInt64BE();
  return size > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(size);
}

function textOf(field: Buffer): string {
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? field.length : end).toString('utf8');
}

function nameOf(block: Buffer): string {
  const name = textOf(block.subarray(0, 100));
  const prefix =
    block.subarray(257, 262).toString('latin1') === 'ustar' ? textOf(block.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Value of `path` in records of the form `LENGTH KEY=VALUE\n`. */
function paxPath(records: Buffer): string | undefined {
  const text = records.toString('utf8');
  return /(?:^|\n)\d+ path=([^\n]*)/.exec(text)?.[1];
}

/** Reads a tar archive as it comes. Never throws: what is damaged is said, and nothing after it is believed. */
export class TarReader {
  readonly #events: TarEvents;
  #held: Buffer = Buffer.alloc(0);
  /** Bytes of the current body, and of its padding, that are still to come. */
  #body = 0;
  #padding = 0;
  #extension: { readonly kind: string; readonly chunks: Buffer[]; bytes: number } | undefined;
  #longName: string | undefined;
  #isOver = false;

  constructor(events: TarEvents) {
    this.#events = events;
  }

  async feed(chunk: Buffer): Promise<void> {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    while (rest.length > 0 && !this.#isOver) {
      if (this.#body > 0) rest = await this.#take(rest);
      else if (this.#padding > 0) {
        const passed = Math.min(this.#padding, rest.length);
        this.#padding -= passed;
        rest = rest.subarray(passed);
      } else if (rest.length < BLOCK) {
        this.#held = rest;
        return;
      } else {
        await this.#header(rest.subarray(0, BLOCK));
        rest = rest.subarray(BLOCK);
      }
    }
  }

  async end(): Promise<void> {
    if (this.#isOver) return;
    if (this.#body > 0) {
      if (this.#extension === undefined) await this.#events.endMember();
      this.#events.damaged();
    }
  }

  async #take(rest: Buffer): Promise<Buffer> {
    const part = rest.subarray(0, Math.min(this.#body, rest.length));
    this.#body -= part.length;
    const extension = this.#extension;
    if (extension === undefined) await this.#events.data(part);
    else if (extension.bytes < MAX_HEADER_BYTES) {
      extension.chunks.push(part);
      extension.bytes += part.length;
    }
    if (this.#body === 0) await this.#ended();
    return rest.subarray(part.length);
  }

  async #ended(): Promise<void> {
    const extension = this.#extension;
    this.#extension = undefined;
    if (extension === undefined) {
      await this.#events.endMember();
      return;
    }
    const content = Buffer.concat(extension.chunks);
    this.#longName = extension.kind === LONG_NAME ? textOf(content) : (paxPath(content) ?? this.#longName);
  }

  async #header(block: Buffer): Promise<void> {
    if (block.every((byte) => byte === 0)) return;
    const size = sizeOf(block.subarray(124, 136));
    if (!isTarHeader(block) || size === undefined) {
      this.#isOver = true;
      this.#events.damaged();
      return;
    }
    const kind = String.fromCharCode(block[156] ?? 0);
    this.#body = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (kind === LONG_NAME || kind === PAX) {
      this.#extension = { kind, chunks: [], bytes: 0 };
      if (size === 0) this.#extension = undefined;
      return;
    }
    const name = (this.#longName ?? nameOf(block)).slice(0, MAX_NAME_BYTES);
    this.#longName = undefined;
    this.#events.member(name);
    if (size === 0) await this.#events.endMember();
  }
}
