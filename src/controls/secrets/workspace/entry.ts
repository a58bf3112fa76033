import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { type Masked, type MaskParts, maskText, putBack, recognisedAt } from './masked-text.ts';
import type { MaskedValue } from './offer.ts';
import { retain } from './removed.ts';
import { asBytes, asText, isBinary, openExactly, readAll } from './scan.ts';
import { digest, keep, O_PATH, replaceFile, type Settled, writeInPlace } from './write-back.ts';

/** The original as it was when its copy was made. */
interface Journal {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  /** SHA-256 of the copy as it was made. */
  readonly masked: string;
}

/**
 * One file with credentials while runs work on its workspace: a copy with placeholders that they see instead, and the
 * way back. The values are only in the original and, while this exists, in the memory of this process.
 */
export class MaskedFile {
  readonly copy: string;
  readonly path: string;
  refs = 0;
  readonly #parts: MaskParts;
  readonly #journalFile: string;
  readonly #journal: Journal;
  readonly #values: ReadonlyMap<string, string>;
  /** What it holds, for egress to hear of. */
  readonly found: readonly MaskedValue[];
  readonly #fd: number;

  private constructor(
    parts: MaskParts,
    id: string,
    journal: Journal,
    { values, found }: Pick<Masked, 'values' | 'found'>,
    fd: number,
  ) {
    this.#parts = parts;
    this.#journal = journal;
    this.#values = values;
    this.found = found;
    this.#fd = fd;
    this.path = journal.path;
    this.copy = join(parts.folder, `${id}.masked`);
    this.#journalFile = join(parts.folder, `${id}.json`);
  }

  /** Make the copy; undefined when the file cannot be masked and must be closed. */
  static create(parts: MaskParts, path: string): MaskedFile | undefined {
    const reading = openExactly(path);
    if (reading === undefined) return undefined;
    let fd: number | undefined;
    try {
      const facts = fstatSync(reading);
      if (facts.size > parts.limits.maskedBytes) return undefined;
      const bytes = readAll(reading, facts.size);
      const masked = maskText(parts, asText(bytes), path, isBinary(bytes));
      if (masked === undefined) return undefined;
      fd = openSync(`/proc/self/fd/${reading}`, O_PATH);
      const content = asBytes(masked.text);
      const { dev, ino, size, mtimeMs } = facts;
      const id = randomBytes(9).toString('hex');
      const journal: Journal = { path, dev, ino, size, mtimeMs, masked: digest(content) };
      const made = new MaskedFile(parts, id, journal, masked, fd);
      writeFileSync(made.#journalFile, JSON.stringify(journal), { mode: 0o600, flag: 'wx' });
      writeFileSync(made.copy, content, { mode: 0o600, flag: 'wx' });
      // Tools compare times, and a file that was only readable stays so.
      chmodSync(made.copy, facts.mode & 0o777);
      utimesSync(made.copy, facts.atime, facts.mtime);
      fd = undefined;
      return made;
    } finally {
      closeSync(reading);
      if (fd !== undefined) closeSync(fd);
    }
  }

  /** Go on with a copy that a killed process left behind. */
  static recover(parts: MaskParts, id: string): Settled | undefined {
    const journalFile = join(parts.folder, `${id}.json`);
    const copy = join(parts.folder, `${id}.masked`);
    const drop = () => [copy, journalFile].forEach((file) => rmSync(file, { force: true }));
    let journal: Journal;
    let content: Buffer;
    try {
      journal = JSON.parse(readFileSync(journalFile, 'utf8')) as Journal;
      content = readFileSync(copy);
    } catch {
      drop();
      return undefined;
    }
    if (digest(content) === journal.masked) {
      drop();
      return { path: journal.path, outcome: 'unchanged' };
    }
    const reading = openExactly(journal.path);
    if (reading === undefined) return keep(parts, id, journal.path, 'the file is no longer there');
    try {
      const bytes = readAll(reading, Math.min(fstatSync(reading).size, parts.limits.maskedBytes));
      const original = asText(bytes);
      const masked = maskText(parts, original, journal.path, false) ?? { values: new Map(), found: [] };
      const back = putBack(parts, asText(content), journal.path, masked.values, {
        path: journal.path,
        text: () => original,
      });
      // The process died after it had written back.
      if ('text' in back && asBytes(back.text).equals(bytes)) {
        drop();
        return { path: journal.path, outcome: 'written' };
      }
      const fd = openSync(`/proc/self/fd/${reading}`, O_PATH);
      return new MaskedFile(parts, id, journal, masked, fd).settle();
    } finally {
      closeSync(reading);
    }
  }

  /** Whether the file was replaced from outside: the copy no longer lies over it where a run looks. */
  get replaced(): boolean {
    if (readlinkSync(`/proc/self/fd/${this.#fd}`).endsWith(' (deleted)')) return true;
    const named = lstatSync(this.path, { throwIfNoEntry: false });
    return named !== undefined && named.ino !== this.#journal.ino;
  }

  /** Whether the original is still what the copy was made of. */
  get current(): boolean {
    const { ino, size, mtimeMs } = fstatSync(this.#fd);
    return ino === this.#journal.ino && size === this.#journal.size && mtimeMs === this.#journal.mtimeMs;
  }

  /** No run sees the copy any more: write back what they changed, with the values in place. Closes the file. */
  settle(): Settled {
    const id = basename(this.copy, '.masked');
    try {
      const facts = statSync(this.copy);
      const moved = this.#withdrawn(id);
      if (moved !== undefined) return moved;
      if (facts.size > this.#parts.limits.maskedBytes)
        return keep(this.#parts, id, this.path, 'it has become too large');
      const content = readFileSync(this.copy);
      if (digest(content) === this.#journal.masked) return this.#done('unchanged');
      const path = readlinkSync(`/proc/self/fd/${this.#fd}`);
      if (path.endsWith(' (deleted)') || !this.current)
        return keep(this.#parts, id, this.path, 'the file was changed outside meanwhile');
      const back = putBack(this.#parts, asText(content), path, this.#values, {
        path: this.path,
        text: () => asText(readFileSync(`/proc/self/fd/${this.#fd}`)),
      });
      if ('why' in back) return keep(this.#parts, id, this.path, back.why);
      const { text } = back;
      const original = fstatSync(this.#fd);
      if (original.nlink > 1) writeInPlace(this.#fd, path, asBytes(text));
      else replaceFile(path, original.ino, asBytes(text), facts.mode & 0o777, original);
      return this.#done('written');
    } catch (thrown) {
      return keep(
        this.#parts,
        id,
        this.path,
        thrown instanceof Error ? thrown.message : 'it could not be written',
      );
    } finally {
      closeSync(this.#fd);
    }
  }

  /**
   * A run cannot rename what lies under a copy, but it can rename a folder above: the next run would see the original
   * where no rule recognises it. The copy goes there instead, and the original is retained.
   */
  #withdrawn(id: string): Settled | undefined {
    const named = `/proc/self/fd/${this.#fd}`;
    const path = readlinkSync(named);
    if (path === this.path || path.endsWith(' (deleted)')) return undefined;
    const original = readFileSync(named);
    if (recognisedAt(this.#parts, asText(original), path, this.#values.values())) return undefined;
    const waiting = join(this.#parts.folder, `${id}.original`);
    writeFileSync(waiting, original, { mode: 0o600, flag: 'wx', flush: true });
    retain(this.#parts.folder, waiting, this.path);
    const facts = fstatSync(this.#fd);
    replaceFile(path, facts.ino, readFileSync(this.copy), facts.mode & 0o777, facts);
    this.#done('unchanged');
    const why = `its folder was renamed, and at ${path} its values would not be recognised`;
    return { path: this.path, outcome: 'kept', kept: path, why };
  }

  #done(outcome: 'unchanged' | 'written'): Settled {
    rmSync(this.copy, { force: true });
    rmSync(this.#journalFile, { force: true });
    return { path: this.path, outcome };
  }
}
