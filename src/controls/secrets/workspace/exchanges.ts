import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Mount } from '../../../kernel/index.ts';
import { ExchangedFile, isExchange, putBackInto } from './exchange.ts';
import { type MaskParts, maskText } from './masked-text.ts';
import type { MaskedValue } from './offer.ts';
import { prune, removedOriginals } from './removed.ts';
import { asText } from './scan.ts';
import type { Hit } from './walk.ts';
import type { Settled } from './write-back.ts';

/** Files that are exchanged for one run at most, each of which waits for the disk; copies are laid over the rest. */
export const MAX_EXCHANGED = 64;

/** The files in whose place masked copies stand, and the runs that look at them. */
export class Exchanges {
  readonly #parts: MaskParts;
  readonly #files = new Map<string, ExchangedFile>();
  readonly #runs = new Map<string, readonly Mount[]>();
  readonly #added = new Map<string, number>();

  constructor(parts: MaskParts) {
    this.#parts = parts;
    prune(parts.folder);
  }

  get folders(): readonly string[] {
    return [...new Set([...this.#files.values()].flatMap(({ paths }) => paths.map(dirname)))];
  }

  /** A run looks at these folders from now on: nothing goes back below them while it does. */
  enter(run: string, mounts: readonly Mount[]): void {
    this.#runs.set(run, mounts);
  }

  /** Exchange a file; false when it cannot be done, and a copy has to be laid over it. */
  add({ path, facts }: Hit, run: string): boolean {
    const key = `${facts.dev}:${facts.ino}`;
    const known = this.#files.get(key);
    const added = this.#added.get(run) ?? 0;
    if (known === undefined && added >= MAX_EXCHANGED) return false;
    if (known !== undefined) return known.paths.includes(path) || known.add(path);
    const made = ExchangedFile.create(this.#parts, path);
    if (made === undefined) return false;
    this.#files.set(key, made);
    this.#added.set(run, added + 1);
    return true;
  }

  /** What stands for credentials below a folder, under the names that the files had. */
  below(source: string): readonly { readonly path: string; readonly found: readonly MaskedValue[] }[] {
    return [...this.#files.values()].flatMap(({ paths, found }) =>
      paths.filter((path) => within(path, source)).map((path) => ({ path, found })),
    );
  }

  /** The run is over: what no other run looks at goes back, the last one first. */
  leave(run: string): readonly Settled[] {
    const mounts = this.#runs.get(run) ?? [];
    const exchanged = this.#added.has(run);
    this.#runs.delete(run);
    this.#added.delete(run);
    const settled = [...this.#files]
      .reverse()
      .filter(([, { paths }]) => !paths.some((path) => this.#watched(path)))
      .flatMap(([key, file]) => {
        this.#files.delete(key);
        return file.settle();
      });
    return exchanged || mounts.some(({ mode }) => mode === 'rw')
      ? [...settled, ...this.#returned(mounts)]
      : settled;
  }

  /** Go on with what a killed process left; undefined when it was no exchange. */
  recover(id: string): readonly Settled[] | undefined {
    let journal: unknown;
    try {
      journal = JSON.parse(readFileSync(join(this.#parts.folder, `${id}.json`), 'utf8'));
    } catch {
      return undefined;
    }
    return isExchange(journal) ? ExchangedFile.recover(this.#parts, id, journal) : undefined;
  }

  #watched(path: string): boolean {
    return [...this.#runs.values()].some((mounts) => mounts.some(({ source }) => within(path, source)));
  }

  /** Files that were taken away and are there again, with placeholders: `git stash pop`, a copy that was moved back. */
  #returned(mounts: readonly Mount[]): readonly Settled[] {
    const settled: Settled[] = [];
    const done = new Set<string>();
    for (const { path, file } of removedOriginals(this.#parts.folder)) {
      const here = mounts.some(({ source, mode }) => mode === 'rw' && within(path, source));
      if (!here || this.#watched(path) || done.has(path)) continue;
      try {
        const original = asText(readFileSync(file));
        const values = maskText(this.#parts, original, path, false)?.values ?? new Map<string, string>();
        if (putBackInto(this.#parts, path, values, { path, text: () => original })?.written !== true)
          continue;
        done.add(path);
        settled.push({ path, outcome: 'written' });
      } catch {
        // It is not there, or cannot be read: it may be later.
      }
    }
    return settled;
  }
}

const within = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
