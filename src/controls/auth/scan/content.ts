import { once } from 'node:events';
import type { Transform } from 'node:stream';
import { createInflate, createZstdDecompress } from 'node:zlib';
import type { Collector, Place } from './collector.ts';
import { Detector } from './detector.ts';
import { GzipReader, gunzipStart } from './gzip.ts';
import type { Unpacker } from './patterns.ts';
import { isTarHeader, TarReader } from './tar.ts';
import { readZip, type ZipSource } from './zip.ts';

/** Enough to tell what it is: the header of a tar archive. */
const HEAD_BYTES = 512;

/** What one file may still unpack to; shared by everything inside it. */
export class Budget {
  expandedBytes: number;
  members: number;

  constructor(expandedBytes: number, members: number) {
    this.expandedBytes = expandedBytes;
    this.members = members;
  }
}

/** Reading goes on elsewhere, this part is over. */
class BoundReached extends Error {}

interface Sink {
  feed(chunk: Buffer): Promise<void>;
  end(): Promise<void>;
}

type Packing = 'gzip' | 'zstd' | 'zlib' | 'tar' | 'zip';

const MAGIC: readonly (readonly [hex: string, kind: Packing | 'format' | 'encrypted'])[] = [
  ['1f8b08', 'gzip'],
  ['28b52ffd', 'zstd'],
  ['504b0304', 'zip'],
  ['504b0506', 'zip'],
  ['fd377a585a00', 'format'],
  ['425a68', 'format'],
  ['377abcaf271c', 'format'],
  ['526172211a07', 'format'],
  ['04224d18', 'format'],
  ['4c5a4950', 'format'],
  ['1f9d', 'format'],
  // A pack of git: `git log -p --all -S gth_` looks into it.
  ['5041434b00000002', 'format'],
  [Buffer.from('age-encryption.org/').toString('hex'), 'encrypted'],
  [Buffer.from('-----BEGIN AGE ENCRYPTED').toString('hex'), 'encrypted'],
  [Buffer.from('-----BEGIN PGP MESSAGE').toString('hex'), 'encrypted'],
  [Buffer.from('Salted__').toString('hex'), 'encrypted'],
];

function packingOf(head: Buffer): Packing | 'format' | 'encrypted' | undefined {
  const hex = head.subarray(0, 32).toString('hex');
  const known = MAGIC.find(([start]) => hex.startsWith(start));
  if (known !== undefined)
    return known[1] === 'format' && hex.startsWith('425a68') && !isBzip(head) ? undefined : known[1];
  if (isTarHeader(head)) return 'tar';
  // RFC 1950: deflate with a window of 32 KiB, and a header that is a multiple of 31. Loose objects of git are this.
  const isZlib = head[0] === 0x78 && head.length > 2 && head.readUInt16BE() % 31 === 0;
  return isZlib ? 'zlib' : undefined;
}

/** `BZh`, a digit, and the beginning of a block: three letters alone are a text. */
function isBzip(head: Buffer): boolean {
  return head.subarray(4, 10).toString('hex') === '314159265359';
}

/** One stream of bytes: looked through as it is, and opened when it is an archive. */
export class Content implements Sink {
  readonly #collector: Collector;
  readonly #budget: Budget;
  readonly #place: Place;
  readonly #depth: number;
  readonly #detector: Detector;
  readonly #whole: ZipSource | undefined;
  /** Whether it was opened as what its end says. */
  isZip = false;
  #head: Buffer | undefined = Buffer.alloc(0);
  #inner: Sink | undefined;

  /** `whole`: the same bytes in random access, for what cannot be read from front to back. */
  constructor(collector: Collector, budget: Budget, place: Place, depth = 0, whole?: ZipSource) {
    this.#collector = collector;
    this.#budget = budget;
    this.#place = place;
    this.#depth = depth;
    this.#whole = whole;
    this.#detector = new Detector(this.#unpacker(), (found) => collector.found(place, found));
  }

  async feed(chunk: Buffer): Promise<void> {
    this.#collector.bytes += chunk.length;
    this.#detector.feed(chunk);
    if (this.#head === undefined) {
      await this.#inner?.feed(chunk);
      return;
    }
    this.#head = Buffer.concat([this.#head, chunk]);
    if (this.#head.length >= HEAD_BYTES) await this.#open(this.#head);
  }

  async end(): Promise<void> {
    if (this.#head !== undefined) await this.#open(this.#head);
    this.#detector.end();
    await this.#inner?.end();
  }

  async #open(head: Buffer): Promise<void> {
    this.#head = undefined;
    const packing = packingOf(head);
    if (packing === 'format' || packing === 'encrypted') this.#collector.skip(this.#place, packing);
    else if (packing === undefined) return;
    else if (this.#depth >= this.#collector.bounds.archiveDepth)
      this.#collector.skip(this.#place, 'too-deep');
    else {
      this.#inner = this.#sinkOf(packing);
      await this.#inner.feed(head);
    }
  }

  #sinkOf(packing: Packing): Sink {
    switch (packing) {
      case 'gzip':
        return this.#gzip();
      case 'zstd':
        return this.#unpacking(createZstdDecompress(), false);
      case 'zlib':
        return this.#unpacking(createInflate(), true);
      case 'tar':
        return this.#tar();
      case 'zip':
        return this.#zip();
    }
  }

  #child(member: string): Content {
    const { file, member: above } = this.#place;
    return new Content(this.#collector, this.#budget, { file, member: [...above, member] }, this.#depth + 1);
  }

  /** @throws BoundReached, once it is said */
  #spend(bytes: number): void {
    this.#budget.expandedBytes -= bytes;
    if (this.#budget.expandedBytes >= 0) return;
    this.#collector.skip(this.#place, 'expands-too-far');
    throw new BoundReached();
  }

  /** @throws BoundReached, once it is said */
  #countMember(member: string): void {
    this.#budget.members -= 1;
    if (this.#budget.members < 0) {
      this.#collector.skip(this.#place, 'too-many-members');
      throw new BoundReached();
    }
    this.#collector.members += 1;
    const { file, member: above } = this.#place;
    this.#collector.named({ file, member: [...above, member] }, member);
  }

  #unpacker(): Unpacker {
    return {
      gunzip: (bytes) => {
        const left = Math.min(this.#budget.expandedBytes, this.#collector.bounds.nestedZipBytes);
        try {
          const clear = gunzipStart(bytes, left);
          this.#budget.expandedBytes -= clear.length;
          return clear;
        } catch (cause) {
          const isTooLong = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
          if (isTooLong) {
            this.#budget.expandedBytes -= left;
            this.#collector.skip(this.#place, 'expands-too-far');
          }
          // Base64 that begins like gzip and is none.
          return undefined;
        }
      },
    };
  }

  #gzip(): Sink {
    const child = new Content(this.#collector, this.#budget, this.#place, this.#depth + 1);
    const reader = new GzipReader(async (chunk) => {
      this.#spend(chunk.length);
      await child.feed(chunk);
    });
    let isOver = false;
    const guarded = async (step: () => Promise<void>) => {
      if (isOver) return;
      try {
        await step();
      } catch (thrown) {
        if (!(thrown instanceof BoundReached)) this.#collector.skip(this.#place, 'damaged');
        reader.destroy();
        isOver = true;
      }
    };
    return {
      feed: (chunk) => guarded(() => reader.feed(chunk)),
      async end() {
        await guarded(() => reader.end());
        await child.end();
      },
    };
  }

  /** `isGuess`: two bytes only say that it may be this; when nothing comes out it was something else. */
  #unpacking(stream: Transform, isGuess: boolean): Sink {
    // What is inside has no name of its own: its place is that of the file.
    const child = new Content(this.#collector, this.#budget, this.#place, this.#depth + 1);
    let produced = 0;
    let isOver = false;
    const pump = (async () => {
      try {
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          produced += chunk.length;
          this.#spend(chunk.length);
          await child.feed(chunk);
        }
      } catch (thrown) {
        if (!(thrown instanceof BoundReached) && !(isGuess && produced === 0))
          this.#collector.skip(this.#place, 'damaged');
      } finally {
        isOver = true;
        stream.destroy();
        await child.end();
      }
    })();
    return {
      async feed(chunk) {
        if (isOver || stream.writableEnded || stream.destroyed) return;
        if (!stream.write(chunk)) await Promise.race([pump, once(stream, 'drain').catch(() => undefined)]);
      },
      async end() {
        if (!isOver && !stream.destroyed) stream.end();
        await pump;
      },
    };
  }

  #tar(): Sink {
    let current: Content | undefined;
    let isOver = false;
    const reader = new TarReader({
      member: (name) => {
        this.#countMember(name);
        current = this.#child(name);
      },
      data: (chunk) => current?.feed(chunk),
      endMember: async () => {
        await current?.end();
        current = undefined;
      },
      damaged: () => this.#collector.skip(this.#place, 'damaged'),
    });
    const guarded = async (step: () => Promise<void>) => {
      if (isOver) return;
      try {
        await step();
      } catch (thrown) {
        if (!(thrown instanceof BoundReached)) throw thrown;
        isOver = true;
      }
    };
    return { feed: (chunk) => guarded(() => reader.feed(chunk)), end: () => guarded(() => reader.end()) };
  }

  #zip(): Sink {
    this.isZip = true;
    const { nestedZipBytes } = this.#collector.bounds;
    const chunks: Buffer[] = [];
    let bytes = 0;
    return {
      feed: async (chunk) => {
        bytes += chunk.length;
        if (this.#whole === undefined && bytes <= nestedZipBytes) chunks.push(chunk);
      },
      end: async () => {
        if (this.#whole === undefined && bytes > nestedZipBytes) {
          this.#collector.skip(this.#place, 'too-large');
          return;
        }
        await this.membersOf(this.#whole ?? { buffer: Buffer.concat(chunks) });
      },
    };
  }

  /** Look through the members of a zip archive that is these bytes, or their end. */
  async membersOf(source: ZipSource): Promise<void> {
    const { file, member: above } = this.#place;
    try {
      for await (const { name, isEncrypted, isPacked, open } of readZip(source)) {
        this.#countMember(name);
        const place = { file, member: [...above, name] };
        if (isEncrypted || !isPacked) {
          this.#collector.skip(place, isEncrypted ? 'encrypted' : 'format');
          continue;
        }
        await this.#member(this.#child(name), place, open);
      }
    } catch (thrown) {
      if (!(thrown instanceof BoundReached)) this.#collector.skip(this.#place, 'damaged');
    }
  }

  async #member(child: Content, place: Place, open: () => Promise<AsyncIterable<Buffer>>): Promise<void> {
    try {
      for await (const chunk of await open()) {
        this.#spend(chunk.length);
        await child.feed(chunk);
      }
    } catch (thrown) {
      if (thrown instanceof BoundReached) throw thrown;
      this.#collector.skip(place, 'damaged');
    } finally {
      await child.end();
    }
  }
}
