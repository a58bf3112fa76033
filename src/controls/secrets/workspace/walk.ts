import { type Dirent, type FSWatcher, lstatSync, readdirSync, type Stats, watch } from 'node:fs';
import { SECRETS_CODES } from '../codes.ts';
import type { Detector } from '../detector/types.ts';
import type { MaskLimits } from './limits.ts';
import { judgeFile, type Verdict } from './scan.ts';

/** Folders that the kernel is asked to watch for one workspace; a larger one is looked through at every run. */
export const MAX_WATCHED = 8_192;
/** Events after which some may have been lost: the kernel queues 16,384 (fs.inotify.max_queued_events). */
const MAX_EVENTS = 8_192;
/** Milliseconds after which everything is looked at again: writes through mmap and over NFS make no event. */
const FULL_MS = 30_000;

/** One file (or folder that nobody could look into) that a run does not see as it is. */
export interface Hit {
  readonly path: string;
  readonly facts: Stats;
  /** `socket`: something outside the sandbox may listen there, and no network namespace stands before a path. */
  readonly verdict: 'masked' | 'closed' | 'socket';
}

interface Known {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  /** A run can set a modification time back, this one it cannot. */
  readonly ctimeMs: number;
  readonly verdict: Verdict;
}

interface Folder {
  readonly files: ReadonlyMap<string, Known>;
  readonly folders: ReadonlySet<string>;
  readonly hits: readonly Hit[];
  readonly watcher: FSWatcher | undefined;
}

function unchanged(known: Known, facts: Stats): boolean {
  return (
    known.ctimeMs === facts.ctimeMs &&
    known.mtimeMs === facts.mtimeMs &&
    known.size === facts.size &&
    known.ino === facts.ino &&
    known.dev === facts.dev
  );
}

/**
 * What is known of one folder of the host that runs work on. The kernel tells which folders below it have changed, so
 * that an unchanged tree costs nothing; what it tells is not relied on for longer than FULL_MS.
 */
export class Tree {
  readonly #root: string;
  readonly #detector: Detector;
  readonly #limits: MaskLimits;
  readonly #now: () => number;
  readonly #folders = new Map<string, Folder>();
  readonly #dirty = new Set<string>();
  #files = 0;
  #events = 0;
  #watching = true;
  #fullAt = Number.NEGATIVE_INFINITY;

  constructor(root: string, detector: Detector, limits: MaskLimits, now: () => number) {
    this.#limits = limits;
    this.#root = root;
    this.#detector = detector;
    this.#now = now;
  }

  /** Every file that is not clean, and every socket. Throws SECRETS_WORKSPACE_TOO_LARGE. */
  scan(): readonly Hit[] {
    const facts = lstatSync(this.#root, { throwIfNoEntry: false });
    if (facts?.isFile() === true) return this.#alone(facts);
    if (facts?.isDirectory() !== true) return [];
    const full = !this.#watching || this.#events > MAX_EVENTS || this.#now() - this.#fullAt > FULL_MS;
    this.#events = 0;
    if (full) {
      this.#fullAt = this.#now();
      this.#look(this.#root);
    }
    const pending = full ? [...this.#folders.keys()] : [...this.#dirty];
    this.#dirty.clear();
    for (const path of pending) if (this.#folders.has(path)) this.#look(path);
    return [...this.#folders.values()].flatMap(({ hits }) => hits);
  }

  close(): void {
    this.#drop(this.#root);
  }

  #alone(facts: Stats): readonly Hit[] {
    const verdict = judgeFile(this.#detector, this.#limits, this.#root, facts);
    return verdict === 'clean' ? [] : [{ path: this.#root, facts, verdict }];
  }

  /** Read one folder anew, and those below it that were not known. */
  #look(start: string): void {
    const pending = [start];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      const before = this.#folders.get(path);
      // The watch comes first: what is made while the folder is read is then an event.
      const watcher = before?.watcher ?? this.#watch(path);
      const entries = entriesOf(path);
      if (entries === 'gone') {
        this.#drop(path);
        continue;
      }
      const folder = this.#read(path, entries, before, watcher);
      this.#files += folder.files.size - (before?.files.size ?? 0);
      if (this.#files > this.#limits.files) {
        this.close();
        throw SECRETS_CODES.error('SECRETS_WORKSPACE_TOO_LARGE');
      }
      this.#folders.set(path, folder);
      for (const name of before?.folders ?? []) if (!folder.folders.has(name)) this.#drop(`${path}/${name}`);
      for (const name of folder.folders)
        if (!this.#folders.has(`${path}/${name}`)) pending.push(`${path}/${name}`);
    }
  }

  #read(
    path: string,
    entries: readonly Dirent[] | 'closed',
    before: Folder | undefined,
    watcher: FSWatcher | undefined,
  ): Folder {
    const files = new Map<string, Known>();
    const folders = new Set<string>();
    if (entries === 'closed') {
      return { files, folders, watcher, hits: [{ path, facts: lstatSync(path), verdict: 'closed' }] };
    }
    const hits: Hit[] = [];
    for (const entry of entries) {
      const { name } = entry;
      if (entry.isDirectory()) folders.add(name);
      if (!entry.isFile() && !entry.isSocket()) continue;
      const file = `${path}/${name}`;
      const facts = lstatSync(file, { throwIfNoEntry: false });
      if (facts?.isSocket() === true) hits.push({ path: file, facts, verdict: 'socket' });
      if (facts?.isFile() !== true) continue;
      const known = before?.files.get(name);
      const current = known !== undefined && unchanged(known, facts) ? known : this.#judge(file, facts);
      files.set(name, current);
      if (current.verdict !== 'clean') hits.push({ path: file, facts, verdict: current.verdict });
    }
    return { files, folders, hits, watcher };
  }

  #judge(path: string, facts: Stats): Known {
    const { dev, ino, size, mtimeMs, ctimeMs } = facts;
    return {
      dev,
      ino,
      size,
      mtimeMs,
      ctimeMs,
      verdict: judgeFile(this.#detector, this.#limits, path, facts),
    };
  }

  #watch(path: string): FSWatcher | undefined {
    if (!this.#watching) return undefined;
    if (this.#folders.size >= MAX_WATCHED) {
      this.#watching = false;
      return undefined;
    }
    try {
      const watcher = watch(path, { persistent: false }, () => {
        this.#events += 1;
        this.#dirty.add(path);
      });
      watcher.on('error', () => {
        this.#watching = false;
      });
      return watcher;
    } catch {
      // The account's watches are used up (fs.inotify.max_user_watches).
      this.#watching = false;
      return undefined;
    }
  }

  #drop(path: string): void {
    const pending = [path];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const folder = this.#folders.get(next);
      if (folder === undefined) continue;
      folder.watcher?.close();
      this.#files -= folder.files.size;
      this.#folders.delete(next);
      for (const name of folder.folders) pending.push(`${next}/${name}`);
    }
  }
}

/** `closed`: it cannot be looked into although its owner, and so a run, could make it readable. */
function entriesOf(folder: string): readonly Dirent[] | 'closed' | 'gone' {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    const facts = lstatSync(folder, { throwIfNoEntry: false });
    if (facts?.isDirectory() !== true) return 'gone';
    return facts.uid === process.getuid?.() ? 'closed' : [];
  }
}
