import { BACKUP_CODES } from './codes.ts';

// POSIX.1-1988 ustar, so that `age -d | tar -xz` opens a backup without Gatehouse. Only plain files with short names
// are written, and nothing else is read.
const BLOCK = 512;
/** Bytes of one file: eleven octal digits. */
export const MAX_FILE_BYTES = 0o77777777777;

/** One entry's header. @throws BACKUP_TOO_LARGE */
export function tarHeader(name: string, size: number): Buffer {
  if (size > MAX_FILE_BYTES || Buffer.byteLength(name) > 100) throw BACKUP_CODES.error('BACKUP_TOO_LARGE');
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 'utf8');
  block.write('0000600\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\x0000', 257);
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function checksum(block: Uint8Array): number {
  let sum = 0;
  for (const [index, byte] of block.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  return sum;
}

/** What fills a file up to whole blocks. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

export const TAR_END = Buffer.alloc(2 * BLOCK);

/** Reads entries one after the other; whatever is not a plain file with an octal size and a right checksum is refused. */
export class TarReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next entry; undefined at the end of the archive. @throws BACKUP_CONTENT_INVALID */
  async entry(): Promise<{ readonly name: string; readonly size: number } | undefined> {
    const block = await this.#exactly(BLOCK);
    if (block.every((byte) => byte === 0)) return undefined;
    const size = /^[0-7]{11}\0$/.exec(block.toString('latin1', 124, 136));
    const sum = /^([0-7]{6})\0 $/.exec(block.toString('latin1', 148, 156));
    const isPlain = block[156] === 0x30 && block.toString('latin1', 257, 263) === 'ustar\0';
    const noLink = block.subarray(157, 257).every((byte) => byte === 0);
    const noPrefix = block.subarray(345, BLOCK).every((byte) => byte === 0);
    const right = sum?.[1] !== undefined && Number.parseInt(sum[1], 8) === checksum(block);
    if (size === null || !isPlain || !noLink || !noPrefix || !right) throw invalid();
    const name = block.toString('utf8', 0, 100);
    const end = name.indexOf('\0');
    return { name: end === -1 ? name : name.slice(0, end), size: Number.parseInt(size[0], 8) };
  }

  /** The bytes of the entry that was just read, and its padding. */
  async *content(size: number): AsyncGenerator<Buffer> {
    let left = size;
    while (left > 0) {
      if (this.#rest.length === 0) await this.#more();
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
    await this.#exactly((BLOCK - (size % BLOCK)) % BLOCK);
  }

  /** After the end only zeros may come, and few of them. @throws BACKUP_CONTENT_INVALID */
  async end(): Promise<void> {
    let seen = 0;
    for (;;) {
      if (this.#rest.some((byte) => byte !== 0) || seen > 20 * BLOCK) throw invalid();
      seen += this.#rest.length;
      this.#rest = Buffer.alloc(0);
      const next = await this.#chunks.next();
      if (next.done === true) return;
      this.#rest = Buffer.from(next.value);
    }
  }

  async #exactly(count: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let left = count;
    while (left > 0) {
      if (this.#rest.length === 0) await this.#more();
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  async #more(): Promise<void> {
    const next = await this.#chunks.next();
    if (next.done === true) throw BACKUP_CODES.error('BACKUP_UNREADABLE');
    this.#rest = Buffer.from(next.value);
  }
}

function invalid(): Error {
  return BACKUP_CODES.error('BACKUP_CONTENT_INVALID', 'the archive holds something else than plain files');
}
