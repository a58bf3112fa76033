import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Detector } from '../detector/types.ts';
import { replaced } from '../hide.ts';
import { placeholderFor, placeholdersIn } from '../placeholder.ts';
import type { MaskLimits } from './limits.ts';
import { keyBefore, type MaskedValue } from './offer.ts';
import { asBytes, asText, credentialsIn, isBinary, openExactly, readAll } from './scan.ts';

/** From asm-generic/fcntl.h: a descriptor that only names the file. */
const O_PATH = 0o10000000;
/** Characters by which a rest of a placeholder is known. */
const PIECE = 10;

export interface MaskParts {
  /** Folder of the masked copies; only for this account, and on a disk that survives a crash. */
  readonly folder: string;
  readonly key: Uint8Array;
  readonly detector: Detector;
  readonly limits: MaskLimits;
}

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

/** What a write-back came to. `kept`: the run's version lies there, with placeholders, and the original is as it was. */
export interface Settled {
  readonly path: string;
  readonly outcome: 'unchanged' | 'written' | 'kept';
  readonly kept?: string;
  readonly why?: string;
}

/** Rules whose values stand in a URL, percent-encoded. */
const IN_URL: ReadonlySet<string> = new Set(['url-password', 'git-credentials']);

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Masked {
  readonly text: string;
  readonly values: ReadonlyMap<string, string>;
  /** Each time that one of them stands in the text. */
  readonly found: readonly MaskedValue[];
}

/** The text with placeholders, and what each of them stands for; undefined when a copy cannot be made of it. */
function maskText(parts: MaskParts, text: string, path: string, binary: boolean): Masked | undefined {
  const values = new Map<string, string>();
  const found: MaskedValue[] = [];
  let sameLength = true;
  const masked = replaced(text, credentialsIn(parts.detector, text, path), (value, { start, rule }) => {
    const placeholder = placeholderFor(value, parts.key);
    values.set(placeholder, value);
    found.push({ placeholder, value, key: keyBefore(text, start), inUrl: IN_URL.has(rule) });
    sameLength &&= placeholder.length === value.length;
    return placeholder;
  });
  return values.size === 0 || (binary && !sameLength) ? undefined : { text: masked, values, found };
}

/** Put the values back; undefined when a piece of a placeholder would be left in place of a value. */
function restored(text: string, values: ReadonlyMap<string, string>): string | undefined {
  let result = text;
  for (const [placeholder, value] of values) result = result.split(placeholder).join(value);
  const pieces = [...values.keys()].flatMap((placeholder) => {
    const marked = (placeholdersIn(placeholder)[0] ?? placeholder).trim();
    return [marked.slice(0, PIECE), marked.slice(-PIECE)];
  });
  return pieces.some((piece) => result.includes(piece)) ? undefined : result;
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
      const masked = maskText(parts, asText(bytes), journal.path, false);
      const text = restored(asText(content), masked?.values ?? new Map());
      // The process died after it had written back.
      if (text !== undefined && asBytes(text).equals(bytes)) {
        drop();
        return { path: journal.path, outcome: 'written' };
      }
      const fd = openSync(`/proc/self/fd/${reading}`, O_PATH);
      return new MaskedFile(parts, id, journal, masked ?? { values: new Map(), found: [] }, fd).settle();
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
      if (facts.size > this.#parts.limits.maskedBytes)
        return keep(this.#parts, id, this.path, 'it has become too large');
      const content = readFileSync(this.copy);
      if (digest(content) === this.#journal.masked) return this.#done('unchanged');
      const path = readlinkSync(`/proc/self/fd/${this.#fd}`);
      if (path.endsWith(' (deleted)') || !this.current)
        return keep(this.#parts, id, this.path, 'the file was changed outside meanwhile');
      const text = restored(asText(content), this.#values);
      if (text === undefined)
        return keep(this.#parts, id, this.path, 'a placeholder was changed and its value would be lost');
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

  #done(outcome: 'unchanged' | 'written'): Settled {
    rmSync(this.copy, { force: true });
    rmSync(this.#journalFile, { force: true });
    return { path: this.path, outcome };
  }
}

function keep(parts: MaskParts, id: string, path: string, why: string): Settled {
  const folder = join(parts.folder, 'kept');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const kept = join(
    folder,
    `${new Date().toISOString().replaceAll(':', '')}-${id}-${basename(path).slice(0, 100)}`,
  );
  renameSync(join(parts.folder, `${id}.masked`), kept);
  rmSync(join(parts.folder, `${id}.json`), { force: true });
  return { path, outcome: 'kept', kept, why };
}

/** In one step: whoever opens the file sees all of the old text or all of the new one. */
function replaceFile(
  path: string,
  ino: number,
  content: Buffer,
  mode: number,
  owner: { readonly uid: number; readonly gid: number },
): void {
  const folder = openExactly(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  if (folder === undefined) throw new Error('its folder is reached through a link');
  const inFolder = (name: string) => `/proc/self/fd/${folder}/${name}`;
  const draft = inFolder(`.gatehouse.${randomBytes(6).toString('hex')}`);
  try {
    const fd = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      writeFileSync(fd, content);
      if (process.getuid?.() === 0) fchownSync(fd, owner.uid, owner.gid);
      fchmodSync(fd, mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    const target = inFolder(basename(path));
    if (lstatSync(target).ino !== ino) throw new Error('the file was replaced outside meanwhile');
    renameSync(draft, target);
    fsyncSync(folder);
  } finally {
    rmSync(draft, { force: true });
    closeSync(folder);
  }
}

/** For a file with further names, which must go on naming the same file. A copy of it stays until that is done. */
function writeInPlace(named: number, path: string, content: Buffer): void {
  const before = readFileSync(`/proc/self/fd/${named}`);
  const safe = `${path}.gatehouse-${randomBytes(6).toString('hex')}`;
  writeFileSync(safe, before, { mode: 0o600, flag: 'wx', flush: true });
  const fd = openSync(`/proc/self/fd/${named}`, constants.O_WRONLY);
  try {
    writeFileSync(fd, content);
    ftruncateSync(fd, content.length);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  rmSync(safe);
}
