import { randomBytes } from 'node:crypto';
import {
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  watch,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { FileMask, Mount } from '../../../kernel/index.ts';
import { SECRETS_CODES } from '../codes.ts';
import type { Detector } from '../detector/types.ts';
import { MaskedFile } from './entry.ts';
import { Exchanges } from './exchanges.ts';
import { MASK_LIMITS, type MaskLimits } from './limits.ts';
import type { MaskParts } from './masked-text.ts';
import { type MaskedValue, type OfferedValue, offered, type SeenValue, type WantedSecret } from './offer.ts';
import { FirstPlaces } from './places.ts';
import { type Hit, Tree } from './walk.ts';
import type { Settled } from './write-back.ts';

/** Folders of the host that are remembered; of the one that was used longest ago everything is forgotten. */
const MAX_TREES = 32;

/** What a run gets instead of files with credentials. */
export interface OpenedMasks {
  readonly masks: readonly FileMask[];
  /** Some lie below a subfolder, which a run could rename while another one is being set up. */
  readonly nested: boolean;
}

export interface Masker {
  /**
   * Unix sockets in the folders of a run.
   *
   * @throws SECRETS_WORKSPACE_TOO_LARGE
   */
  sockets(mounts: readonly Mount[]): readonly string[];
  /**
   * Look at the folders of a run and make what it sees in place of files with credentials, and of sockets that are
   * not known to be dead: a run would reach who listens there, outside of its sandbox.
   *
   * @throws SECRETS_WORKSPACE_TOO_LARGE, SECRETS_TOO_MANY_FILES
   */
  open(run: string, mounts: readonly Mount[], how?: OpenHow): OpenedMasks;
  /** Whether it sees any credential masked. */
  holds(run: string): boolean;
  /** What of the credentials that this run sees masked somebody bound to a host; the values leave towards egress alone. */
  values(run: string, wanted: readonly WantedSecret[]): readonly OfferedValue[];
  /** Read now what has changed in the folders of runs, so that the next run does not wait for it. */
  lookAhead(mounts: readonly Mount[]): void;
  /** The run has ended: what it changed is written back as soon as no other run sees the same file. */
  close(run: string): readonly Settled[];
  /** Write back what a killed process left behind. */
  recover(): readonly Settled[];
  /** Folders in which copies stand in the place of files now. */
  exchangedIn(): readonly string[];
  /** Every run is over, whoever says so or not: put back everything. */
  settleAll(): readonly Settled[];
}

export interface OpenHow {
  /** Sockets on which nobody listens. */
  readonly dead?: ReadonlySet<string>;
  /** Files that the run may write are exchanged, so that it can rename, replace and delete them. */
  readonly exchange?: boolean;
}

export interface MaskerOptions {
  readonly folder: string;
  readonly detector: Detector;
  /** In place of MASK_LIMITS. */
  readonly limits?: Partial<MaskLimits>;
  /** Planted to be found and still as it was planted (K4): a thief has to find it. */
  readonly isBait?: (path: string) => boolean;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  /** A file was replaced from outside, so these runs may see it as it is. */
  readonly onReplaced: (runs: readonly string[]) => void;
}

/** The masked copies of all runs of this install. Every method runs to its end before the next one begins. */
export function createMasker(options: MaskerOptions): Masker {
  const limits = { ...MASK_LIMITS, ...options.limits };
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const folder = realpathSync(options.folder);
  const parts: MaskParts = { folder, detector: options.detector, limits, key: placeholderKey(folder) };
  const trees = new Map<string, Tree>();
  const closedFile = join(folder, 'closed');
  const closedFolder = join(folder, 'closed.d');
  writeFileSync(closedFile, '', { mode: 0o600 });
  mkdirSync(closedFolder, { recursive: true, mode: 0o700 });
  const files = new Map<string, MaskedFile>();
  const runs = new Map<string, readonly (readonly [string, MaskedFile])[]>();
  const seenBy = new Map<string, readonly SeenValue[]>();
  const places = new FirstPlaces(join(folder, 'places'));
  const watchers = new Map<string, FSWatcher>();
  let justLooked: ReadonlyMap<string, readonly Hit[]> | undefined;
  const exchanges = new Exchanges(parts);

  const treeOf = (root: string): Tree => {
    const known = trees.get(root) ?? new Tree(root, options.detector, limits, options.now);
    trees.delete(root);
    trees.set(root, known);
    const [oldest] = trees;
    if (trees.size > MAX_TREES && oldest !== undefined) {
      oldest[1].close();
      trees.delete(oldest[0]);
    }
    return known;
  };

  const fileOf = ({ path, facts }: Hit): readonly [string, MaskedFile] | undefined => {
    const key = identity(facts);
    const known = files.get(key);
    if (known?.current === true) return [key, known];
    const made = MaskedFile.create(parts, path);
    if (made === undefined) return undefined;
    // Runs that began before the file was changed keep the copy they see; theirs is settled by itself.
    if (known !== undefined) {
      files.delete(key);
      files.set(`${key} ${known.copy}`, known);
    }
    files.set(key, made);
    return [key, made];
  };

  /** The values below one mount, with those marked that are where they were first seen. */
  const seenIn = (root: string, inside: readonly Inside[]): readonly SeenValue[] => {
    const all = inside.flatMap(({ file, path, found }) =>
      found.map((one) => ({
        one: { ...one, file },
        placed: { placeholder: one.placeholder, place: `${path}#${one.key ?? ''}` },
      })),
    );
    const first = places.see(
      root,
      all.map(({ placed }) => placed),
    );
    return all.map(({ one, placed }) => ({ ...one, inPlace: first.has(placed) }));
  };

  const release = (held: readonly (readonly [string, MaskedFile])[]): readonly Settled[] =>
    held.flatMap(([, file]) => {
      file.refs -= 1;
      if (file.refs > 0) return [];
      for (const [key, value] of files) if (value === file) files.delete(key);
      return [file.settle()];
    });

  const check = (): void => {
    const affected = [...runs]
      .filter(([, held]) => held.some(([, file]) => file.replaced))
      .map(([run]) => run);
    if (affected.length > 0) options.onReplaced(affected);
  };

  const watchFolders = (): void => {
    const wanted = new Set([...files.values()].map(({ path }) => dirname(path)));
    for (const [path, watcher] of watchers) {
      if (wanted.has(path)) continue;
      watcher.close();
      watchers.delete(path);
    }
    for (const path of wanted) {
      if (watchers.has(path)) continue;
      const watcher = watch(path, { persistent: false }, check);
      watcher.on('error', () => undefined);
      watchers.set(path, watcher);
    }
  };

  const look = (run: string, mounts: readonly Mount[], { dead, exchange = false }: OpenHow): OpenedMasks => {
    const masks: FileMask[] = [];
    const held = new Map<string, MaskedFile>();
    let nested = false;
    const seen: SeenValue[] = [];
    const looked = justLooked;
    justLooked = undefined;
    for (const { source, target, mode } of mounts) {
      const below: Inside[] = [];
      const insideOf = (path: string) => (path === source ? target : `${target}${path.slice(source.length)}`);
      for (const hit of looked?.get(source) ?? treeOf(source).scan()) {
        if (options.isBait?.(hit.path) === true) continue;
        if (hit.verdict === 'socket' && dead?.has(hit.path) === true) continue;
        const free = hit.verdict === 'masked' && !files.has(identity(hit.facts)) && hit.path !== source;
        if (exchange && mode === 'rw' && free && exchanges.add(hit, run)) continue;
        if (masks.length >= limits.masks) throw SECRETS_CODES.error('SECRETS_TOO_MANY_FILES');
        const inside = insideOf(hit.path);
        nested ||= hit.path.slice(source.length + 1).includes('/');
        const found = hit.verdict === 'masked' ? fileOf(hit) : undefined;
        if (found !== undefined) {
          held.set(...found);
          below.push({ file: inside, path: hit.path, found: found[1].found });
        }
        const closed = hit.facts.isDirectory() ? closedFolder : closedFile;
        masks.push(
          found === undefined
            ? { source: closed, target: inside, mode: 'ro' }
            : { source: found[1].copy, target: inside, mode },
        );
      }
      for (const { path, found } of exchanges.below(source))
        below.push({ file: insideOf(path), path, found });
      seen.push(...seenIn(source, below));
    }
    for (const file of held.values()) file.refs += 1;
    seenBy.set(run, seen);
    runs.set(run, [...held]);
    watchFolders();
    // What was replaced before the watch began.
    check();
    return { masks, nested };
  };

  const close = (run: string): readonly Settled[] => {
    seenBy.delete(run);
    const held = runs.get(run) ?? [];
    runs.delete(run);
    const settled = [...release(held), ...exchanges.leave(run)];
    watchFolders();
    return settled.filter(({ outcome, untouched }) => outcome !== 'unchanged' || untouched !== undefined);
  };

  return {
    sockets(mounts) {
      const found = new Map(mounts.map(({ source }) => [source, treeOf(source).scan()] as const));
      const paths = [...found.values()]
        .flat()
        .flatMap(({ path, verdict }) => (verdict === 'socket' ? [path] : []));
      // Nobody has to be asked about a socket, so nothing happens between this look and the run that it is for.
      justLooked = paths.length === 0 ? found : undefined;
      return paths;
    },
    open(run, mounts, how = {}) {
      exchanges.enter(run, mounts);
      try {
        return look(run, mounts, how);
      } catch (thrown) {
        exchanges.leave(run);
        throw thrown;
      }
    },
    lookAhead(mounts) {
      for (const { source } of mounts) {
        try {
          treeOf(source).scan();
        } catch {
          // What is wrong with the folder, the next run is told.
        }
      }
    },
    holds: (run) => (seenBy.get(run)?.length ?? 0) > 0,
    values: (run, wanted) => offered(wanted, seenBy.get(run) ?? []),
    close,
    recover() {
      const ids = readdirSync(folder).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : []));
      return ids
        .flatMap((id) => exchanges.recover(id) ?? MaskedFile.recover(parts, id) ?? [])
        .filter(({ outcome }) => outcome !== 'unchanged');
    },
    exchangedIn: () => exchanges.folders,
    settleAll: () => [...runs.keys()].flatMap((run) => close(run)),
  };
}

/** A masked file where a run sees it and where it lies. */
interface Inside {
  readonly file: string;
  readonly path: string;
  readonly found: readonly MaskedValue[];
}

const identity = ({ dev, ino }: Stats): string => `${dev}:${ino}`;

/** Of this install: without it, nobody can tell from a placeholder whether a guess at its value is right. */
function placeholderKey(folder: string): Uint8Array {
  const file = join(folder, 'key');
  try {
    const key = readFileSync(file);
    if (key.length === 32) return key;
  } catch {
    // The first run of this install.
  }
  const key = randomBytes(32);
  writeFileSync(file, key, { mode: 0o600 });
  return key;
}
