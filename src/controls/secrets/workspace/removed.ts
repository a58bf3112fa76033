import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Days and number of originals that are retained after a run took a credential out of a file. */
const RETAINED_DAYS = 7;
export const MAX_RETAINED = 100;
const DAY_MS = 86_400_000;

/** An original that is not where it was any more. */
export interface Removed {
  readonly path: string;
  /** The file as it was. */
  readonly file: string;
}

const folderOf = (folder: string): string => join(folder, 'removed');

/**
 * Keep an original for some days: a run that deletes a file with credentials deletes what nobody could write again, and
 * what `git stash` took away comes back with placeholders. Returns where it lies now.
 */
export function retain(folder: string, original: string, path: string): string {
  const name = `${new Date().toISOString().replaceAll(':', '')}-${randomBytes(6).toString('hex')}`;
  const own = join(folderOf(folder), name);
  mkdirSync(own, { recursive: true, mode: 0o700 });
  writeFileSync(join(own, 'path'), path, { mode: 0o600, flush: true });
  const file = join(own, 'original');
  renameSync(original, file);
  prune(folder);
  return file;
}

/** All that are retained, the newest first. */
export function removedOriginals(folder: string): readonly Removed[] {
  return namesIn(folder)
    .reverse()
    .flatMap((name) => {
      const own = join(folderOf(folder), name);
      try {
        return [{ path: readFileSync(join(own, 'path'), 'utf8'), file: join(own, 'original') }];
      } catch {
        return [];
      }
    });
}

/** Let go of what is too old or too much. */
export function prune(folder: string): void {
  const names = namesIn(folder);
  const oldest = new Date(Date.now() - RETAINED_DAYS * DAY_MS).toISOString().replaceAll(':', '');
  const over = Math.max(0, names.length - MAX_RETAINED);
  names.forEach((name, at) => {
    if (at < over || name < oldest) rmSync(join(folderOf(folder), name), { recursive: true, force: true });
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folderOf(folder)).sort();
  } catch {
    return [];
  }
}
