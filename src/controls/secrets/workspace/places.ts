import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Values whose places are remembered; past it a new value is bound to no place, and its kind still counts. */
export const MAX_PLACED = 20_000;

interface Written {
  readonly version: 1;
  /** By folder, then by placeholder: the places where it was first seen. */
  readonly roots: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

export interface Place {
  readonly placeholder: string;
  /** File and key, as one text. */
  readonly place: string;
}

/**
 * Where each credential of a folder was first seen. A run can rename files and write one placeholder where another
 * stood, and so have a value put where somebody else's is bound to a host: only the first places count (attack 84).
 * Holds no value, and nothing that tells of one.
 */
export class FirstPlaces {
  readonly #file: string;
  readonly #roots = new Map<string, Map<string, ReadonlySet<string>>>();
  /** What was first seen is not known any more, so nothing is. */
  readonly #lost: boolean;
  #count = 0;

  constructor(file: string) {
    this.#file = file;
    const written = readWritten(file);
    this.#lost = written === undefined;
    for (const [root, values] of Object.entries(written ?? {})) {
      // Folders of tasks that are over.
      if (!existsSync(root)) continue;
      const known = new Map(Object.entries(values).map(([key, places]) => [key, new Set(places)] as const));
      this.#roots.set(root, known);
      this.#count += known.size;
    }
  }

  /** Take in everything that is seen in a folder at one time, and say which of it is where it was first seen. */
  see(root: string, seen: readonly Place[]): ReadonlySet<Place> {
    if (this.#lost) return new Set();
    const known = this.#roots.get(root) ?? new Map<string, ReadonlySet<string>>();
    const fresh = new Map<string, Set<string>>();
    for (const { placeholder, place } of seen) {
      if (known.has(placeholder)) continue;
      const places = fresh.get(placeholder) ?? new Set();
      if (places.size === 0 && this.#count + fresh.size >= MAX_PLACED) continue;
      fresh.set(placeholder, places.add(place));
    }
    if (fresh.size > 0) {
      for (const [placeholder, places] of fresh) known.set(placeholder, places);
      this.#count += fresh.size;
      this.#roots.set(root, known);
      this.#write();
    }
    return new Set(seen.filter(({ placeholder, place }) => known.get(placeholder)?.has(place) === true));
  }

  #write(): void {
    const roots = Object.fromEntries(
      [...this.#roots].map(([root, values]) => [
        root,
        Object.fromEntries([...values].map(([placeholder, places]) => [placeholder, [...places]])),
      ]),
    );
    const draft = `${this.#file}.${process.pid}`;
    writeFileSync(draft, JSON.stringify({ version: 1, roots } satisfies Written), {
      mode: 0o600,
      flush: true,
    });
    renameSync(draft, this.#file);
  }
}

/** Undefined for a file that cannot be read: what lies there now would otherwise count as first seen. */
function readWritten(file: string): Written['roots'] | undefined {
  if (!existsSync(file)) return {};
  try {
    const { version, roots } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Written>;
    return version === 1 ? roots : undefined;
  } catch {
    return undefined;
  }
}
