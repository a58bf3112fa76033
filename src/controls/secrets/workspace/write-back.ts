import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { MaskParts } from './masked-text.ts';
import { openExactly } from './scan.ts';

/** From asm-generic/fcntl.h: a descriptor that only names the file. */
export const O_PATH = 0o10000000;

/** What a write-back came to. `kept`: the run's version lies there, with placeholders, and the original is as it was. */
export interface Settled {
  readonly path: string;
  readonly outcome: 'unchanged' | 'written' | 'kept' | 'removed';
  readonly kept?: string;
  readonly why?: string;
  /** The very file is there again, as no run had touched it: its change time now, in nanoseconds. */
  readonly untouched?: string;
}

export const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function keptName(folder: string, id: string, path: string): string {
  const kept = join(folder, 'kept');
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  return join(kept, `${new Date().toISOString().replaceAll(':', '')}-${id}-${basename(path).slice(0, 100)}`);
}

/** Keep a run's version, which holds placeholders, where a person finds it. */
export function setAside(folder: string, id: string, path: string, content: Buffer): string {
  const kept = keptName(folder, id, path);
  writeFileSync(kept, content, { mode: 0o600, flush: true });
  return kept;
}

export function keep(parts: MaskParts, id: string, path: string, why: string): Settled {
  const kept = keptName(parts.folder, id, path);
  renameSync(join(parts.folder, `${id}.masked`), kept);
  rmSync(join(parts.folder, `${id}.json`), { force: true });
  return { path, outcome: 'kept', kept, why };
}

/** In one step: whoever opens the file sees all of the old text or all of the new one. */
export function replaceFile(
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
export function writeInPlace(named: number, path: string, content: Buffer): void {
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
