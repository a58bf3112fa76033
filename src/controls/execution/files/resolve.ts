import type { BigIntStats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import type { Mount } from '../../../kernel/index.ts';
import { EXECUTION_CODES } from '../codes.ts';

/** Symbolic links followed on the way to one file, as MAXSYMLINKS of Linux. */
export const MAX_SYMLINKS = 40;

/** What a path inside the sandbox is on the host. */
export type ResolvedFile =
  | { readonly kind: 'found'; readonly host: string; readonly stat: BigIntStats }
  | { readonly kind: 'absent' }
  /** Below no mount: a file of the sandbox's own system, which no run can change. */
  | { readonly kind: 'unmounted' };

function pathOf(names: readonly string[]): string {
  return `/${names.join('/')}`;
}

function isBelow(path: string, root: string): boolean {
  return path === root || root === '/' || path.startsWith(`${root}/`);
}

/** The host path of a sandbox path, by the mount with the longest target, as the kernel would pick it. */
function hostPath(path: string, mounts: readonly Mount[]): string | undefined {
  const [mount] = mounts
    .filter(({ target }) => isBelow(path, target))
    .sort((a, b) => b.target.length - a.target.length);
  return mount === undefined ? undefined : mount.source + path.slice(mount.target.length);
}

function isAbsence(thrown: unknown): boolean {
  return (
    thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR')
  );
}

async function lstatOrAbsent(host: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(host, { bigint: true });
  } catch (thrown) {
    if (isAbsence(thrown)) return undefined;
    throw EXECUTION_CODES.error('EXEC_FILE_UNREADABLE', undefined, { cause: thrown });
  }
}

/**
 * Walk a path as the sandbox's kernel would, name by name. Symbolic links are read and never followed by the
 * host: their targets are paths inside the sandbox, so `/etc/passwd` behind a link is not the host's.
 *
 * @throws EXEC_PATH_ESCAPES when a link leads below no mount.
 * @throws EXEC_PATH_INVALID for more than MAX_SYMLINKS links.
 */
export async function resolveInMounts(path: string, mounts: readonly Mount[]): Promise<ResolvedFile> {
  const walked: string[] = [];
  const todo = path.split('/').filter((name) => name !== '');
  let links = 0;
  let found: ResolvedFile = { kind: 'unmounted' };
  for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
    if (name === '..') walked.pop();
    else if (name !== '.') walked.push(name);
    const here = pathOf(walked);
    const host = hostPath(here, mounts);
    if (host === undefined) {
      found = { kind: 'unmounted' };
      if (mounts.some(({ target }) => isBelow(target, here))) continue;
      if (links > 0) throw EXECUTION_CODES.error('EXEC_PATH_ESCAPES');
      return found;
    }
    const stat = await lstatOrAbsent(host);
    if (stat === undefined) return { kind: 'absent' };
    found = { kind: 'found', host, stat };
    if (!stat.isSymbolicLink()) continue;
    links += 1;
    if (links > MAX_SYMLINKS) throw EXECUTION_CODES.error('EXEC_PATH_INVALID', 'too many symbolic links');
    const target = await readlink(host);
    walked.pop();
    if (target.startsWith('/')) walked.length = 0;
    todo.unshift(...target.split('/').filter((part) => part !== ''));
  }
  if (found.kind === 'unmounted' && links > 0) throw EXECUTION_CODES.error('EXEC_PATH_ESCAPES');
  return found;
}
