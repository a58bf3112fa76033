import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LedgerRecord } from '../types.ts';
import { EXPORT_CODES } from './codes.ts';
import type { FileDestination } from './destination.ts';
import type { Sink } from './types.ts';

/** Links are not followed: somebody who may write beside the file could lead us anywhere with one. */
const FLAGS =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const SETTLED = { settled: Promise.resolve() };

/** Appends lines to a file of this account only, and begins a new one when it is full. */
export class FileSink implements Sink {
  readonly #destination: FileDestination;
  readonly #encode: (record: LedgerRecord) => string;
  #file: FileHandle | undefined;
  #size = 0;

  constructor(destination: FileDestination, encode: (record: LedgerRecord) => string) {
    this.#destination = destination;
    this.#encode = encode;
  }

  async send(batch: readonly LedgerRecord[]): Promise<typeof SETTLED> {
    const text = Buffer.from(batch.map((record) => `${this.#encode(record)}\n`).join(''));
    try {
      const file = await this.#open(text.length);
      await file.appendFile(text);
      await file.datasync();
      this.#size += text.length;
    } catch (cause) {
      await this.#drop();
      throw EXPORT_CODES.error('EXPORT_FILE_FAILED', undefined, { cause });
    }
    return SETTLED;
  }

  close(): void {
    void this.#drop();
  }

  async #open(more: number): Promise<FileHandle> {
    const { path, maxBytes } = this.#destination;
    if (this.#file !== undefined && (await this.#isMoved(this.#file))) await this.#drop();
    if (this.#file !== undefined && this.#size > 0 && this.#size + more > maxBytes) {
      await this.#drop();
      await this.#rotate();
    }
    if (this.#file !== undefined) return this.#file;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, FLAGS, 0o600);
    try {
      const facts = await file.stat();
      // A further name of another file, or a pipe, was put there by somebody who may write beside it (attack 65).
      if (!facts.isFile() || facts.nlink > 1 || facts.uid !== (process.geteuid?.() ?? facts.uid))
        throw new Error('it is not a file of this account alone');
      const { size, mode } = facts;
      if ((mode & 0o077) !== 0) await file.chmod(0o600);
      this.#size = size;
      this.#file = file;
      // What a crash left of a line is ended, so that the next one is whole; its record comes again.
      if (size > 0 && !(await endsWithNewline(file, size))) await file.appendFile('\n');
      if (this.#size > 0 && this.#size + more > maxBytes) {
        await this.#drop();
        await this.#rotate();
        return this.#open(more);
      }
      return file;
    } catch (thrown) {
      if (this.#file !== file) await file.close().catch(() => undefined);
      await this.#drop();
      throw thrown;
    }
  }

  /** logrotate and people move files away; what comes next belongs into a new one. */
  async #isMoved(file: FileHandle): Promise<boolean> {
    const [mine, there] = await Promise.all([
      file.stat(),
      stat(this.#destination.path).catch(() => undefined),
    ]);
    return there?.ino !== mine.ino || there.dev !== mine.dev;
  }

  async #rotate(): Promise<void> {
    const { path, keep } = this.#destination;
    for (let number = keep; number >= 1; number--) {
      const from = number === 1 ? path : `${path}.${number - 1}`;
      await rename(from, `${path}.${number}`).catch(ignoreMissing);
    }
  }

  async #drop(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#size = 0;
    await file?.close().catch(() => undefined);
  }
}

async function endsWithNewline(file: FileHandle, size: number): Promise<boolean> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 0x0a;
}

function ignoreMissing(thrown: unknown): void {
  if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
}
