import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { CONFIG_CODES } from './codes.ts';

/** How configuration touches the disk. Paths are absolute. */
export interface ConfigFiles {
  /**
   * At most `limit` bytes of a regular file; undefined when there is none.
   *
   * @throws CONFIG_TOO_LARGE, CONFIG_UNREADABLE
   */
  read(path: string, limit: number): Uint8Array | undefined;
  /** Names in a directory, sorted; none when it does not exist. */
  list(directory: string): readonly string[];
  /** The path without links; undefined when nothing is there. */
  resolve(path: string): string | undefined;
  /** Replace a file as a whole or not at all, durable when this returns. @throws CONFIG_WRITE_FAILED */
  write(path: string, text: string): void;
  /** Take a file away; nothing happens when it is not there. */
  remove(path: string): void;
}

function isMissing(thrown: unknown): boolean {
  const code = (thrown as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * Size and kind are taken from the opened file, not from its name, so that nothing can be swapped in between;
 * O_NONBLOCK keeps a pipe that stands in the file's place from holding the start up forever.
 */
function readBounded(path: string, limit: number): Uint8Array | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw CONFIG_CODES.error('CONFIG_UNREADABLE', undefined, { cause });
  }
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) throw CONFIG_CODES.error('CONFIG_UNREADABLE', 'this is not a regular file');
    if (facts.size > limit)
      throw CONFIG_CODES.error('CONFIG_TOO_LARGE', `the file is larger than ${limit} bytes`);
    const buffer = Buffer.alloc(facts.size);
    let length = 0;
    while (length < buffer.length) {
      const read = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A temporary file beside it, synced, renamed over it, and the directory synced: after a crash one of the two is there. */
function writeWhole(path: string, text: string): void {
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    const descriptor = openSync(temporary, flags, 0o600);
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw CONFIG_CODES.error('CONFIG_WRITE_FAILED', undefined, { cause });
  }
}

/** The machine's own file system. */
export const nodeFiles: ConfigFiles = {
  read: readBounded,
  list(directory) {
    try {
      return readdirSync(directory).sort();
    } catch (cause) {
      if (isMissing(cause)) return [];
      throw CONFIG_CODES.error('CONFIG_UNREADABLE', 'the folder of playbooks cannot be read', { cause });
    }
  },
  resolve(path) {
    try {
      return realpathSync(path);
    } catch {
      return undefined;
    }
  },
  write: writeWhole,
  remove(path) {
    rmSync(path, { force: true });
  },
};

/** The same files with some replaced in memory (undefined: gone), to try a change before it is written. */
export function overlayFiles(
  base: ConfigFiles,
  changes: ReadonlyMap<string, string | undefined>,
): ConfigFiles {
  const encoder = new TextEncoder();
  return {
    ...base,
    read(path, limit) {
      if (!changes.has(path)) return base.read(path, limit);
      const text = changes.get(path);
      return text === undefined ? undefined : encoder.encode(text);
    },
    list(directory) {
      const names = new Set(base.list(directory));
      for (const [path, text] of changes) {
        if (dirname(path) !== directory) continue;
        const name = path.slice(directory.length + 1);
        if (text === undefined) names.delete(name);
        else names.add(name);
      }
      return [...names].sort();
    },
  };
}

/** Whether a file, followed through its links, lies in this folder or below it. */
export function isBelow(files: ConfigFiles, file: string, folder: string): boolean {
  const real = files.resolve(file);
  const root = files.resolve(folder);
  if (real === undefined || root === undefined) return false;
  return !relative(root, real).startsWith(`..${sep}`);
}
