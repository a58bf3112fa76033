import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import type { Mount } from '../../../kernel/index.ts';
import { EXECUTION_CODES } from '../codes.ts';
import type { NamedFiles } from './named.ts';
import { type ResolvedFile, resolveInMounts } from './resolve.ts';

/** Bytes of the largest file that an approval can be bound to. */
export const MAX_DIGEST_BYTES = 64 * 1024 * 1024;

const CHUNK_BYTES = 256 * 1024;
/** No link at the end, no wait on a pipe, no terminal taken over. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

type Found = Extract<ResolvedFile, { kind: 'found' }>;

async function openFound(found: Found): Promise<FileHandle> {
  try {
    return await open(found.host, FLAGS);
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : '';
    const denied = code === 'EACCES' || code === 'EPERM';
    throw EXECUTION_CODES.error(denied ? 'EXEC_FILE_UNREADABLE' : 'EXEC_FILE_CHANGED', undefined, {
      cause: thrown,
    });
  }
}

/**
 * Refuse when a directory on the way was swapped for a link after the walk (attack 65). Linux names the file
 * behind a descriptor, which cannot be raced; elsewhere the path is resolved once more.
 */
async function checkOpened(handle: FileHandle, found: Found): Promise<void> {
  const stat = await handle.stat({ bigint: true });
  if (stat.ino !== found.stat.ino || stat.dev !== found.stat.dev) {
    throw EXECUTION_CODES.error('EXEC_FILE_CHANGED');
  }
  const opened =
    process.platform === 'linux' ? await readlink(`/proc/self/fd/${handle.fd}`) : await realpath(found.host);
  if (opened !== found.host) throw EXECUTION_CODES.error('EXEC_PATH_ESCAPES');
}

async function hashHandle(handle: FileHandle, maxBytes: number): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let total = 0;
  try {
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, total);
      if (bytesRead === 0) return hash.digest('hex');
      total += bytesRead;
      if (total > maxBytes) throw EXECUTION_CODES.error('EXEC_FILE_TOO_LARGE');
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    // The file may hold credentials, and this process keeps none, not even in memory that is free again (K2).
    chunk.fill(0);
  }
}

async function digestFound(found: Found, maxBytes: number): Promise<string> {
  if (found.stat.isDirectory()) return 'directory';
  if (!found.stat.isFile()) return 'special';
  if (found.stat.size > BigInt(maxBytes)) throw EXECUTION_CODES.error('EXEC_FILE_TOO_LARGE');
  await using handle = await openFound(found);
  await checkOpened(handle, found);
  const digest = await hashHandle(handle, maxBytes);
  const after = await handle.stat({ bigint: true });
  if (after.size !== found.stat.size || after.mtimeNs !== found.stat.mtimeNs) {
    throw EXECUTION_CODES.error('EXEC_FILE_CHANGED');
  }
  return digest;
}

/** Sources with the host's own links resolved, so that every link met below them is the sandbox's. */
async function resolveSources(mounts: readonly Mount[]): Promise<readonly Mount[]> {
  return Promise.all(mounts.map(async (mount) => ({ ...mount, source: await realpath(mount.source) })));
}

/**
 * SHA-256 (hex) of the files that an action names, by path inside the sandbox; `absent`, `directory` and
 * `special` stand for what has no digest. Only files below a mount count: nothing else can be changed by a
 * run. A directory's content is not covered.
 *
 * @throws EXEC_PATH_ESCAPES, EXEC_FILE_TOO_LARGE, EXEC_FILE_CHANGED, EXEC_FILE_UNREADABLE, EXEC_PATH_INVALID.
 */
export async function bindingFiles(
  named: NamedFiles,
  mounts: readonly Mount[],
  maxBytes: number = MAX_DIGEST_BYTES,
): Promise<Readonly<Record<string, string>>> {
  const resolved = await resolveSources(mounts);
  const digests = new Map<string, string>();
  for (const path of [...named.certain, ...named.possible].sort()) {
    const file = await resolveInMounts(path, resolved);
    if (file.kind === 'found') digests.set(path, await digestFound(file, maxBytes));
    else if (file.kind === 'absent' && named.certain.includes(path)) digests.set(path, 'absent');
  }
  return Object.fromEntries(digests);
}
