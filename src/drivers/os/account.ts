import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import type { AccountFacts } from '../../controls/listen/index.ts';

/** Milliseconds for `id`, which may have to ask a directory service for names. */
const ID_TIMEOUT_MS = 1_000;

/** The account that this process runs as. Names come from `id`, which knows directory services too. */
export async function measureAccount(): Promise<AccountFacts> {
  const uid = process.getuid?.() ?? -1;
  const [groups, map] = await Promise.all([
    promisify(execFile)('/usr/bin/id', ['-Gn'], { timeout: ID_TIMEOUT_MS })
      .then(({ stdout }) => stdout.trim().split(/\s+/))
      .catch(() => []),
    readFile('/proc/self/uid_map', 'utf8').catch(() => undefined),
  ]);
  return { uid, name: nameOf(uid), groups, isMachineRoot: uid === 0 && isWholeMap(map) };
}

/** user_namespaces(7): the first namespace maps every id to itself. Without the file there are no namespaces. */
function isWholeMap(map: string | undefined): boolean {
  return map === undefined || /^\s*0\s+0\s+4294967295\s*$/.test(map);
}

/** An account without an entry, as in many containers, has no name. */
function nameOf(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${uid}`;
  }
}
