import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { join, sep } from 'node:path';
import type { RepairStep } from '../../../controls/repairs/index.ts';

/** Mode of the file itself: a link that somebody put there meanwhile is refused by the kernel (attack 65). */
function changeMode(path: string, from: number, to: number): boolean {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(descriptor);
    if ((facts.mode & 0o7777) !== from) return false;
    // Root can change every file: one of somebody else, or a further name of one elsewhere, is left alone.
    if (facts.uid !== process.geteuid?.() || (facts.isFile() && facts.nlink > 1)) return false;
    fchmodSync(descriptor, to);
    return true;
  } finally {
    closeSync(descriptor);
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Where something that is moved away lies meanwhile: its path as one name. */
function keptAs(path: string, keep: string): string {
  return join(
    keep,
    path
      .split(sep)
      .filter((part) => part !== '')
      .join('%'),
  );
}

/** Steps on files. Each can be done twice. */
export function applyToFiles(step: Exclude<RepairStep, { kind: 'setting' }>, keep: string): void {
  switch (step.kind) {
    case 'mode':
      // Never more than before, whatever the list says.
      if ((step.to & ~step.from) !== 0) throw new Error('a repair takes rights away and gives none');
      if (!changeMode(step.path, step.from, step.to)) throw new Error('the file was changed meanwhile');
      return;
    case 'folder':
      mkdirSync(step.path, { mode: 0o700, recursive: true });
      return;
    case 'socket':
      if (lstatSync(step.path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(step.path);
      return;
    case 'leftover':
      mkdirSync(keep, { mode: 0o700, recursive: true });
      if (exists(step.path)) renameSync(step.path, keptAs(step.path, keep));
      return;
    case 'purge':
      rmSync(step.path, { recursive: true, force: true });
  }
}

/** Why it stays as it is; empty when things are as they were. */
export function undoOnFiles(step: Exclude<RepairStep, { kind: 'setting' }>, keep: string): string {
  switch (step.kind) {
    case 'mode':
      if (!exists(step.path)) return 'it is not there any more';
      return changeMode(step.path, step.to, step.from) ? '' : 'somebody changed its mode meanwhile';
    case 'folder':
      if (!exists(step.path)) return '';
      if (readdirSync(step.path).length > 0) return 'there is something in it now';
      rmdirSync(step.path);
      return '';
    case 'leftover':
      if (exists(step.path)) return 'something else is in its place';
      if (!exists(keptAs(step.path, keep))) return 'it was kept for thirty days and is gone';
      renameSync(keptAs(step.path, keep), step.path);
      return '';
    case 'socket':
      return 'a socket that nobody listens on cannot be brought back, and serves nobody';
    case 'purge':
      return 'it was deleted for good: its time was over';
  }
}

export function isDoneOnFiles(step: Exclude<RepairStep, { kind: 'setting' }>): boolean {
  const facts = lstatSync(step.path, { throwIfNoEntry: false });
  switch (step.kind) {
    case 'mode':
      return facts !== undefined && (facts.mode & 0o7777) === step.to;
    case 'folder':
      return facts !== undefined;
    default:
      return facts === undefined;
  }
}
