import { constants, createInflateRaw, type InflateRaw, inflateRawSync } from 'node:zlib';

/** RFC 1952, section 2.3: magic, deflate, and the flags for what stands between the header and the data. */
const FIXED_BYTES = 10;
const TRAILER_BYTES = 8;
const HAS_CRC = 2;
const HAS_EXTRA = 4;
const HAS_NAME = 8;
const HAS_COMMENT = 16;
/** Longest header with a name and a comment that is believed. */
const MAX_HEADER_BYTES = 131_072;

/** Bytes before the compressed data; undefined when more are needed. @throws when it is no gzip header */
function headerBytes(start: Buffer): number | undefined {
  if (start.length < FIXED_BYTES) return undefined;
  if (start[0] !== 0x1f || start[1] !== 0x8b || start[2] !== 8) throw new Error('no gzip header');
  const flags = start[3] ?? 0;
  let at = FIXED_BYTES;
  if ((flags & HAS_EXTRA) !== 0) {
    if (start.length < at + 2) return undefined;
    at += 2 + start.readUInt16LE(at);
  }
  for (const flag of [HAS_NAME, HAS_COMMENT]) {
    if ((flags & flag) === 0) continue;
    const end = start.indexOf(0, at);
    if (end === -1) {
      if (start.length > MAX_HEADER_BYTES) throw new Error('no gzip header');
      return undefined;
    }
    at = end + 1;
  }
  if ((flags & HAS_CRC) !== 0) at += 2;
  return start.length < at ? undefined : at;
}

/** Unpack what there is of one gzip stream, also when it is cut off or followed by something. @throws beyond `most` */
export function gunzipStart(bytes: Buffer, most: number): Buffer {
  const header = headerBytes(bytes) ?? bytes.length;
  const options = { maxOutputLength: Math.max(1, most), finishFlush: constants.Z_SYNC_FLUSH };
  return inflateRawSync(bytes.subarray(header), options);
}

/**
 * Unpacks gzip streams one after the other. Node's own loses the last output when something else follows the end, so
 * that appended bytes would hide what is packed.
 */
export class GzipReader {
  readonly #onData: (chunk: Buffer) => Promise<void>;
  #start: Buffer = Buffer.alloc(0);
  #trailer = 0;
  #body:
    | { readonly raw: InflateRaw; readonly ended: Promise<void>; fed: number; isOver: boolean }
    | undefined;
  #members = 0;
  #isOver = false;

  constructor(onData: (chunk: Buffer) => Promise<void>) {
    this.#onData = onData;
  }

  /** @throws when a stream is damaged, or what `onData` throws */
  async feed(chunk: Buffer): Promise<void> {
    let rest = chunk;
    while (rest.length > 0 && !this.#isOver) {
      if (this.#body !== undefined) rest = await this.#inflate(rest);
      else if (this.#trailer > 0) {
        const passed = Math.min(this.#trailer, rest.length);
        this.#trailer -= passed;
        rest = rest.subarray(passed);
      } else rest = this.#header(rest);
    }
  }

  /** @throws when the stream is cut off */
  async end(): Promise<void> {
    const body = this.#body;
    if (body !== undefined) {
      body.raw.end();
      await body.ended;
    } else if (this.#members === 0 || this.#trailer > 0) throw new Error('cut off');
  }

  destroy(): void {
    this.#isOver = true;
    this.#body?.raw.destroy();
  }

  #header(rest: Buffer): Buffer {
    const start = Buffer.concat([this.#start, rest]);
    this.#start = start;
    if (this.#members > 0 && !isPossible(start)) {
      // Padding, or something else that the caller looks at as it is.
      this.#isOver = true;
      return rest;
    }
    const bytes = headerBytes(start);
    if (bytes === undefined) return Buffer.alloc(0);
    this.#start = Buffer.alloc(0);
    this.#members += 1;
    const raw = createInflateRaw();
    const body = { raw, ended: Promise.resolve(), fed: 0, isOver: false };
    body.ended = (async () => {
      try {
        for await (const data of raw as AsyncIterable<Buffer>) await this.#onData(data);
      } finally {
        body.isOver = true;
      }
    })();
    // It is awaited where the stream is fed or ended.
    body.ended.catch(() => undefined);
    this.#body = body;
    return start.subarray(bytes);
  }

  async #inflate(rest: Buffer): Promise<Buffer> {
    const body = this.#body;
    if (body === undefined) return rest;
    body.fed += rest.length;
    const taken = new Promise<void>((resolve) => body.raw.write(rest, () => resolve()));
    await Promise.race([taken, body.ended]);
    const left = body.fed - body.raw.bytesWritten;
    if (left === 0 && !body.isOver) return Buffer.alloc(0);
    // The data ended before the chunk did.
    await body.ended;
    this.#body = undefined;
    this.#trailer = TRAILER_BYTES;
    return rest.subarray(rest.length - left);
  }
}

function isPossible(start: Buffer): boolean {
  return Buffer.from([0x1f, 0x8b, 8]).subarray(0, start.length).equals(start.subarray(0, 3));
}
