import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Before, type Masked, type MaskParts, maskText, putBack, recognisedAt } from './masked-text.ts';
import type { MaskedValue } from './offer.ts';
import { retain } from './removed.ts';
import { asBytes, asText, isBinary, openExactly, readAll } from './scan.ts';
import { digest, O_PATH, replaceFile, type Settled, setAside, writeInPlace } from './write-back.ts';

/** Largest file that is exchanged, in bytes: labels of larger ones are not known by their content, and would be lost. */
const EXCHANGED_BYTES = 1024 * 1024;
/** Entries of a folder that are looked at for a file that was moved on. */
const MAX_BESIDE = 1_000;
/** Links of an original that are ours: the one in the folder of copies. */
const OWN_LINKS = 1;

const DRAFT = '.gatehouse.';

interface Journal {
  readonly kind: 'exchanged';
  readonly paths: readonly string[];
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  /** SHA-256 of the copy as it was made. */
  readonly masked: string;
}

export function isExchange(journal: unknown): journal is Journal {
  return (journal as Partial<Journal> | null)?.kind === 'exchanged';
}

/** What goes where the copy is. `why`: what the run wrote is set aside, and the original goes there. */
interface Back {
  readonly source: string;
  readonly text: string;
  readonly changed: boolean;
  readonly why?: string;
  readonly kept?: string;
}

/** One name of the file. `fd` names it wherever a run moves it. */
interface Place {
  readonly path: string;
  readonly fd: number | undefined;
}

/** A folder that is certain to be the one of that path, so that nobody swaps it for a link. */
function inFolder<T>(path: string, work: (name: (name: string) => string) => T): T {
  const fd = openExactly(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  if (fd === undefined) throw new Error('its folder is reached through a link');
  try {
    return work((name) => `/proc/self/fd/${fd}/${name}`);
  } finally {
    closeSync(fd);
  }
}

/** Give the file the name in one step, if that name still means the expected file. */
function place(source: string, path: string, expected: number): void {
  inFolder(path, (named) => {
    const target = named(basename(path));
    const draft = named(`${DRAFT}${randomBytes(6).toString('hex')}`);
    linkSync(source, draft);
    try {
      if (lstatSync(target).ino !== expected) throw new Error('the file was replaced meanwhile');
      renameSync(draft, target);
    } finally {
      rmSync(draft, { force: true });
    }
  });
}

/**
 * One file with credentials whose masked copy stands in its place while runs work on its folder. It is a file like any
 * other, so that a run may rename, replace and delete it. The original waits in the folder of copies, untouched, and
 * goes back as the very file that it was when nothing was changed.
 */
export class ExchangedFile {
  readonly found: readonly MaskedValue[];
  readonly #parts: MaskParts;
  readonly #id: string;
  readonly #places: Place[];
  readonly #journal: Omit<Journal, 'paths'>;
  readonly #values: ReadonlyMap<string, string>;

  private constructor(
    parts: MaskParts,
    id: string,
    places: readonly Place[],
    journal: Omit<Journal, 'paths'>,
    { values, found }: Pick<Masked, 'values' | 'found'>,
  ) {
    this.#parts = parts;
    this.#id = id;
    this.#places = [...places];
    this.#journal = journal;
    this.#values = values;
    this.found = found;
  }

  /** Exchange the file; undefined, and nothing is changed, where that cannot be done. */
  static create(parts: MaskParts, path: string): ExchangedFile | undefined {
    const reading = openExactly(path);
    if (reading === undefined) return undefined;
    const id = randomBytes(9).toString('hex');
    try {
      const facts = fstatSync(reading);
      if (facts.size > Math.min(EXCHANGED_BYTES, parts.limits.maskedBytes)) return undefined;
      const bytes = readAll(reading, facts.size);
      const masked = maskText(parts, asText(bytes), path, isBinary(bytes));
      if (masked === undefined) return undefined;
      const { ino, size, mtimeMs } = facts;
      const content = asBytes(masked.text);
      const journal = { kind: 'exchanged', ino, size, mtimeMs, masked: digest(content) } as const;
      const made = new ExchangedFile(parts, id, [], journal, masked);
      inFolder(path, (named) => linkSync(named(basename(path)), made.#original));
      if (lstatSync(made.#original).ino !== ino) throw new Error('the file was replaced meanwhile');
      writeCopy(made.#copy, content, facts);
      return made.add(path) ? made : undefined;
    } catch {
      // Another file system, or a folder that this account cannot write.
      for (const kind of ['json', 'original', 'masked'])
        rmSync(join(parts.folder, `${id}.${kind}`), { force: true });
      return undefined;
    } finally {
      closeSync(reading);
    }
  }

  get #original(): string {
    return join(this.#parts.folder, `${this.#id}.original`);
  }

  get #copy(): string {
    return join(this.#parts.folder, `${this.#id}.masked`);
  }

  get ino(): number {
    return this.#journal.ino;
  }

  /** Where it was. */
  get paths(): readonly string[] {
    return this.#places.map(({ path }) => path);
  }

  /** Exchange the file under this name, its first or a further one; false when that cannot be done. */
  add(path: string): boolean {
    // Written down first: a killed process leaves nothing that the next one does not know of.
    this.#write([...this.paths, path]);
    try {
      place(this.#copy, path, this.#journal.ino);
    } catch {
      if (this.#places.length === 0) this.#drop();
      else this.#write(this.paths);
      return false;
    }
    this.#places.push({ path, fd: this.#descriptor(path) });
    return true;
  }

  #write(paths: readonly string[]): void {
    const file = join(this.#parts.folder, `${this.#id}.json`);
    const draft = `${file}.new`;
    const text = JSON.stringify({ ...this.#journal, paths } satisfies Journal);
    writeFileSync(draft, text, { mode: 0o600, flush: true });
    renameSync(draft, file);
  }

  #descriptor(path: string): number | undefined {
    const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
    if (fstatSync(fd).ino === lstatSync(this.#copy).ino) return fd;
    closeSync(fd);
    return undefined;
  }

  /** Go on with what a killed process left behind. */
  static recover(parts: MaskParts, id: string, journal: Journal): readonly Settled[] {
    const places = journal.paths.map((path) => ({ path, fd: undefined }));
    const unknown = { values: new Map<string, string>(), found: [] };
    const left = new ExchangedFile(parts, id, places, journal, unknown);
    try {
      left.#clearDrafts();
      const original = asText(readFileSync(left.#original));
      const masked = maskText(parts, original, journal.paths[0] ?? '', false) ?? unknown;
      return new ExchangedFile(parts, id, places, journal, masked).settle();
    } catch {
      left.#drop();
      return [];
    }
  }

  /** A process that was killed between two steps left a further name of one of the two files. */
  #clearDrafts(): void {
    const own = [this.#original, this.#copy].map((file) => lstatSync(file).ino);
    for (const folder of new Set(this.paths.map(dirname))) {
      for (const name of readdirSync(folder)) {
        const path = join(folder, name);
        if (name.startsWith(DRAFT) && own.includes(lstatSync(path).ino)) rmSync(path);
      }
    }
  }

  /** No run sees the folder any more: the file is put back, with what runs changed in it. Closes it. */
  settle(): readonly Settled[] {
    const settled: Settled[] = [];
    const texts: string[] = [];
    try {
      const back = this.#back();
      for (const one of this.#places) settled.push(this.#settleAt(one, back, texts));
      const values = [...this.#values.values()];
      const lost = values.some((value) => !texts.some((text) => text.includes(value)));
      if (lost) {
        const path = this.paths[0] ?? '';
        const kept = retain(this.#parts.folder, this.#original, path);
        if (!settled.some(({ outcome }) => outcome === 'kept'))
          settled.push({ path, outcome: 'removed', kept, why: 'a run took a credential out of it' });
      }
    } catch (thrown) {
      settled.push({ path: this.paths[0] ?? '', outcome: 'kept', kept: this.#original, why: whyOf(thrown) });
      this.#close();
      return settled;
    }
    this.#drop();
    return settled.map((one) =>
      one.untouched === undefined ? one : { ...one, untouched: changeTime(one.path) },
    );
  }

  /** What goes where the copy is now. */
  #back(): Back {
    const original = readFileSync(this.#original);
    const facts = lstatSync(this.#original);
    const before = { source: this.#original, text: asText(original), changed: false };
    if (!this.#places.some((one) => this.#whereIs(one) !== undefined)) return before;
    // Not read: a run decides how large it is.
    if (this.#isTooLarge()) return before;
    const content = readFileSync(this.#copy);
    if (digest(content) === this.#journal.masked) {
      const { mode } = lstatSync(this.#copy);
      if ((mode & 0o777) !== (facts.mode & 0o777)) chmodSync(this.#original, mode & 0o777);
      return before;
    }
    const aside = (why: string) => {
      const kept = setAside(this.#parts.folder, this.#id, this.paths[0] ?? '', content);
      return { ...before, why, kept };
    };
    if (facts.size !== this.#journal.size || facts.mtimeMs !== this.#journal.mtimeMs)
      return aside('the file was changed outside meanwhile');
    const path = this.paths[0] ?? '';
    const back = putBack(this.#parts, asText(content), path, this.#values, {
      path,
      text: () => asText(original),
    });
    if ('why' in back) return aside(back.why);
    if (facts.nlink > OWN_LINKS) {
      // Names outside of the folders of runs go on naming the same file.
      const fd = openSync(this.#original, O_PATH);
      try {
        writeInPlace(fd, this.#original, asBytes(back.text));
      } finally {
        closeSync(fd);
      }
      return { source: this.#original, text: back.text, changed: true };
    }
    const source = join(this.#parts.folder, `${this.#id}.written`);
    rmSync(source, { force: true });
    writeCopy(source, asBytes(back.text), lstatSync(this.#copy), true);
    return { source, text: back.text, changed: true };
  }

  #settleAt(one: Place, back: Back, texts: string[]): Settled {
    const now = this.#whereIs(one);
    if (now === undefined) return this.#settleReplaced(one.path, texts);
    const { path } = one;
    // It stays where it is, with placeholders, and the original is retained.
    if (this.#isTooLarge()) return { path, outcome: 'kept', kept: now, why: 'it has become too large' };
    if (now !== path && !recognisedAt(this.#parts, back.text, now, this.#values.values())) {
      const why = `it was moved to ${basename(now)}, where its values would not be recognised`;
      return { path, outcome: 'kept', kept: now, why };
    }
    place(back.source, now, lstatSync(this.#copy).ino);
    texts.push(back.text);
    if (back.why !== undefined)
      return {
        path,
        outcome: 'kept',
        why: back.why,
        ...(back.kept === undefined ? {} : { kept: back.kept }),
      };
    if (back.changed || now !== path) return { path: now, outcome: 'written' };
    return { path, outcome: 'unchanged', untouched: '' };
  }

  #isTooLarge(): boolean {
    return lstatSync(this.#copy).size > this.#parts.limits.maskedBytes;
  }

  /** Where the copy is that had this name; undefined once it has none. */
  #whereIs({ path, fd }: Place): string | undefined {
    if (fd !== undefined) {
      const now = readlinkSync(`/proc/self/fd/${fd}`);
      return now.endsWith(' (deleted)') ? undefined : now;
    }
    return lstatSync(path, { throwIfNoEntry: false })?.ino === lstatSync(this.#copy).ino ? path : undefined;
  }

  get #before(): Before {
    return { path: this.paths[0] ?? '', text: () => asText(readFileSync(this.#original)) };
  }

  /** A run deleted it, or put another file in its place: `sed -i`, `git checkout`, an editor that saves by renaming. */
  #settleReplaced(path: string, texts: string[]): Settled {
    const result = putBackInto(this.#parts, path, this.#values, this.#before);
    if (result === undefined) return this.#settleBeside(path, texts);
    texts.push(result.text);
    if (result.why === undefined) return { path, outcome: result.written ? 'written' : 'unchanged' };
    return { path, outcome: 'kept', kept: path, why: result.why };
  }

  /** What replaced it may have been moved on: a file beside it that holds its placeholders. */
  #settleBeside(path: string, texts: string[]): Settled {
    // Made since: a copy of earlier is none that the file became.
    const since = lstatSync(this.#copy).birthtimeMs;
    for (const beside of filesBeside(path, since)) {
      const found = putBackInto(this.#parts, beside, this.#values, this.#before);
      if (found?.written !== true) continue;
      texts.push(found.text);
      return { path: beside, outcome: 'written' };
    }
    return { path, outcome: 'unchanged' };
  }

  #close(): void {
    for (const { fd } of this.#places) if (fd !== undefined) closeSync(fd);
    this.#places.splice(0);
  }

  #drop(): void {
    this.#close();
    for (const kind of ['masked', 'written', 'original', 'json'])
      rmSync(join(this.#parts.folder, `${this.#id}.${kind}`), { force: true });
  }
}

/**
 * Put values in for their placeholders in the file that is at this path now; undefined when there is none. The file
 * keeps its placeholders, with the reason, where a value would be lost or shown.
 */
export function putBackInto(
  parts: MaskParts,
  path: string,
  values: ReadonlyMap<string, string>,
  before: Before,
): { readonly text: string; readonly written: boolean; readonly why?: string } | undefined {
  const fd = openExactly(path);
  if (fd === undefined) return undefined;
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile() || facts.size > parts.limits.maskedBytes) return undefined;
    const text = asText(readAll(fd, facts.size));
    if (![...values.keys()].some((placeholder) => text.includes(placeholder)))
      return { text, written: false };
    const back = putBack(parts, text, path, values, before);
    if ('why' in back) return { text, written: false, why: back.why };
    replaceFile(path, facts.ino, asBytes(back.text), facts.mode & 0o777, facts);
    return { text: back.text, written: true };
  } finally {
    closeSync(fd);
  }
}

const changeTime = (path: string): string =>
  String(lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ctimeNs ?? '');

/** Files of the same folder, as far as it is no larger than people make them. */
function filesBeside(path: string, since: number): readonly string[] {
  const folder = dirname(path);
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    const files = entries.slice(0, MAX_BESIDE).filter((entry) => entry.isFile());
    return files.map(({ name }) => join(folder, name)).filter((file) => lstatSync(file).ctimeMs >= since);
  } catch {
    return [];
  }
}

function writeCopy(path: string, content: Buffer, facts: Stats, flush = false): void {
  writeFileSync(path, content, { mode: 0o600, flag: 'wx', flush });
  if (process.getuid?.() === 0) chownSync(path, facts.uid, facts.gid);
  // Tools compare times, and a file that was only readable stays so.
  chmodSync(path, facts.mode & 0o777);
  utimesSync(path, facts.atime, facts.mtime);
}

const whyOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : 'it could not be put back';
