import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync } from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import { type FileMask, FORBIDDEN_HOST_TREES, type Mount } from '../../kernel/index.ts';
import { SANDBOX_CODES } from './codes.ts';

/** Most mounts of one run. */
export const MAX_MOUNTS = 32;

const TARGET_ROOTS = ['/workspace', '/mnt', '/data'];

/** Places under a home directory that hold credentials, or files that the account's own programs run. */
const HOME_SECRETS = [
  '.ssh',
  '.aws',
  '.azure',
  '.gnupg',
  '.kube',
  '.docker',
  '.config/gcloud',
  '.config/gh',
  '.config/containers',
  '.config/systemd',
  '.password-store',
  '.local/share/keyrings',
  '.mozilla',
  '.netrc',
  '.npmrc',
  '.pypirc',
  '.git-credentials',
  '.bash_history',
  '.bashrc',
  '.profile',
];

/** A path that passes through one of these is somebody's credentials wherever it lies. */
const SECRET_COMPONENTS: ReadonlySet<string> = new Set([
  '.ssh',
  '.aws',
  '.azure',
  '.gnupg',
  '.password-store',
]);

/** Agents and session buses put their sockets into directories of these names (attack 55). */
const SOCKET_DIRECTORY = /^\/tmp\/(?:ssh-|dbus-|tmux-|gpg-|systemd-private-)/;

function within(path: string, root: string): boolean {
  return path === root || root === '/' || path.startsWith(`${root}/`);
}

function refuse(why: string): never {
  throw SANDBOX_CODES.error('SANDBOX_MOUNT_REFUSED', why);
}

/** Whether the text is the one normal way to write an absolute path. */
export function isPlainPath(path: string): boolean {
  return (
    isAbsolute(path) &&
    !path.includes('\0') &&
    normalize(path) === path &&
    (path === '/' || !path.endsWith('/'))
  );
}

/** All roots of which no part may be mounted and which no mount may contain. */
export function forbiddenTrees(userHome: string, own: readonly string[]): readonly string[] {
  const homes = [...new Set([userHome, '/root'])];
  return [
    ...FORBIDDEN_HOST_TREES,
    ...homes.flatMap((home) => HOME_SECRETS.map((name) => join(home, name))),
    ...own,
  ];
}

/** Refuses a source by its text alone; whether it is the real path is checked when it is opened. */
export function checkSource(source: string, forbidden: readonly string[]): void {
  if (!isPlainPath(source)) refuse('a mount source is not a plain absolute path');
  const components = source.split('/').slice(1);
  const wholeHome = source === '/home' || (components[0] === 'home' && components.length === 2);
  if (wholeHome || source === '/tmp' || source === '/usr' || source === '/var')
    refuse(`${source} as a whole is never mounted`);
  if (components.some((name) => SECRET_COMPONENTS.has(name)) || SOCKET_DIRECTORY.test(source))
    refuse('the mount source holds credentials or agent sockets');
  if (
    components[0] === 'home' &&
    HOME_SECRETS.some((name) => within(source, `/home/${components[1]}/${name}`))
  )
    refuse('the mount source holds credentials');
  for (const tree of forbidden)
    if (within(source, tree) || within(tree, source)) refuse(`the mount source is, holds or lies in ${tree}`);
}

/** Checks every mount of a run against each other and against what is forbidden. */
export function checkMounts(mounts: readonly Mount[], forbidden: readonly string[]): void {
  if (mounts.length > MAX_MOUNTS) refuse('the run has too many mounts');
  for (const [index, mount] of mounts.entries()) {
    checkSource(mount.source, forbidden);
    if (!isPlainPath(mount.target) || !TARGET_ROOTS.some((root) => within(mount.target, root)))
      refuse(`a mount target lies outside ${TARGET_ROOTS.join(', ')}`);
    // A target below another mount would be looked up through names that a run can change (attack 65).
    for (const other of mounts.slice(0, index))
      if (within(mount.target, other.target) || within(other.target, mount.target))
        refuse('two mount targets overlap');
  }
}

/** A mask lies over a part of a mount, never beside one; its source is Gatehouse's own. */
export function checkMasks(masks: readonly FileMask[], mounts: readonly Mount[]): void {
  for (const { target } of masks)
    if (!isPlainPath(target) || !mounts.some((mount) => within(target, mount.target)))
      refuse('a masked file lies outside the mounts');
}

/** From asm-generic/fcntl.h; the same on x86_64 and aarch64. A descriptor that only names the file. */
export const O_PATH = 0o10000000;

/**
 * Open what a checked source names, refusing links anywhere in it: the kernel says which file the
 * descriptor is, and that must be the text that was checked. bubblewrap mounts this very descriptor, so
 * swapping the name afterwards changes nothing (attacks 65 and 67). The caller closes it.
 */
export function openSource(source: string, want: 'tree' | 'socket'): number {
  let fd: number;
  try {
    fd = openSync(source, O_PATH | constants.O_NOFOLLOW);
  } catch (cause) {
    throw SANDBOX_CODES.error('SANDBOX_MOUNT_REFUSED', 'a mount source does not exist', { cause });
  }
  try {
    const opened = fstatSync(fd);
    const named = lstatSync(source);
    const isWanted = want === 'socket' ? opened.isSocket() : opened.isDirectory() || opened.isFile();
    if (!isWanted) refuse('a mount source is not a plain file or directory');
    const same = opened.dev === named.dev && opened.ino === named.ino;
    if (!same || readlinkSync(`/proc/self/fd/${fd}`) !== source)
      refuse('a mount source is reached through a link');
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Whether a working directory exists in a run with these mounts. */
export function insideMounts(cwd: string, mounts: readonly Mount[]): boolean {
  if (!isPlainPath(cwd)) return false;
  return cwd === '/' || within(cwd, '/tmp') || mounts.some((mount) => within(cwd, mount.target));
}
