import type { BigIntStats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Entries of a folder that are looked at after a run; a folder with more counts as a whole. */
export const MAX_WALKED = 50_000;
/** Changed files of one directory that are named one by one; a directory with more counts as a whole. */
export const MAX_NAMED = 500;
/** Clocks of file systems tick more coarsely than ours (milliseconds). */
const TICK_MS = 50;

const AT_ONCE = 16;

export interface ChangedFile {
  readonly path: string;
  readonly stat: BigIntStats;
}

export interface Changed {
  readonly files: readonly ChangedFile[];
  /** Directories of which everything counts as changed. */
  readonly trees: readonly string[];
}

/** What identifies a version of a file: a run can set its times, but not the time at which it did so. */
export function fingerprintOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.ctimeNs}`;
}

/**
 * Regular files and links below `folder` that were made or changed at `since` or later (Unix milliseconds). Links are
 * not followed. Files that others changed meanwhile are among them: rather too many than too few.
 *
 * @param covered directories that need no look, because they count as a whole already
 */
export async function changedSince(
  folder: string,
  since: number,
  covered: ReadonlySet<string>,
): Promise<Changed> {
  const limit = BigInt(Math.floor(since - TICK_MS)) * 1_000_000n;
  const found: ChangedFile[] = [];
  const todo = [folder];
  let walked = 0;
  while (todo.length > 0) {
    const batch = todo.splice(0, AT_ONCE).filter((path) => !covered.has(path));
    const listed = await Promise.all(batch.map(entriesOf));
    for (const entries of listed) {
      walked += entries.length;
      if (walked > MAX_WALKED) return { files: [], trees: [folder] };
      for (const { path, stat } of entries) {
        if (stat.isDirectory()) todo.push(path);
        else if (stat.ctimeNs >= limit) found.push({ path, stat });
      }
    }
  }
  return collapse(folder, found);
}

async function entriesOf(folder: string): Promise<readonly ChangedFile[]> {
  const names = await readdir(folder).catch(() => []);
  const entries = names.map(async (name) => {
    const path = join(folder, name);
    // Gone again since it was listed: nothing is left that could be read.
    const stat = await lstat(path, { bigint: true }).catch(() => undefined);
    return stat === undefined ? [] : [{ path, stat }];
  });
  return (await Promise.all(entries)).flat();
}

/** A directory directly below the folder with very many changed files is named as a whole. */
function collapse(folder: string, found: readonly ChangedFile[]): Changed {
  const groups = new Map<string, ChangedFile[]>();
  for (const file of found) {
    const [first = '', ...rest] = file.path.slice(folder.length + 1).split('/');
    const top = rest.length === 0 ? folder : join(folder, first);
    groups.set(top, [...(groups.get(top) ?? []), file].slice(0, MAX_NAMED + 1));
  }
  const large = [...groups].filter(([, files]) => files.length > MAX_NAMED).map(([path]) => path);
  const files = [...groups].flatMap(([path, members]) => (large.includes(path) ? [] : members));
  return { files, trees: large };
}
