import { type Dirent, lstatSync, readdirSync, readFileSync, type Stats, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EffectiveConfig } from '../../../configuration/types.ts';
import type { HomeEntry, HomeFacts } from '../../../controls/repairs/index.ts';
import type { HomePaths } from '../../../operations/services.ts';
import { homeFolders } from '../../home.ts';

/** Entries that are looked at: a home has some dozens, and a look must not take longer than a moment. */
const MAX_ENTRIES = 5_000;

function kindOf(facts: Stats): HomeEntry['kind'] {
  if (facts.isFile()) return 'file';
  if (facts.isDirectory()) return 'folder';
  if (facts.isSocket()) return 'socket';
  return facts.isSymbolicLink() ? 'link' : 'other';
}

function entryOf(path: string): HomeEntry | undefined {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return undefined;
  const { mode, uid, mtimeMs } = facts;
  return { path, kind: kindOf(facts), mode: mode & 0o7777, uid, changedAt: mtimeMs };
}

function namesIn(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Paths that some process has bound, of every account: /proc/net/unix. Undefined where there is none. */
function boundSockets(): ReadonlySet<string> | undefined {
  try {
    const lines = readFileSync('/proc/net/unix', 'latin1').split('\n');
    return new Set(lines.map((line) => line.slice(line.indexOf('/'))).filter((path) => path.startsWith('/')));
  } catch {
    return undefined;
  }
}

function diskOf(path: string): HomeFacts['disk'] {
  try {
    const { bavail, blocks, bsize } = statfsSync(path);
    return { free: bavail * bsize, total: blocks * bsize };
  } catch {
    return null;
  }
}

/** What a killed rehearsal or verification left in the folder for temporary files. */
function rehearsals(): readonly string[] {
  const folder = tmpdir();
  return namesIn(folder)
    .filter((entry) => entry.isDirectory() && entry.name.startsWith('gatehouse-rehearsal-'))
    .map(({ name }) => join(folder, name));
}

/** The home as it lies on the disk. Workspaces, sandboxes and caches of compiled code are not looked into. */
export function measureHome(
  paths: HomePaths,
  { config }: Pick<EffectiveConfig, 'config'>,
  now: number,
  newestRecord: number | null,
): HomeFacts {
  const { home, state, keys, policy, playbooks, logs, run } = paths;
  const folders = homeFolders(paths);
  const looked = [home, state, keys, join(keys, 'retired'), policy, playbooks, logs, run, join(run, 'runs')];
  const more = ['backup', 'repairs'].map((name) => join(home, 'cache', name));
  const below = [...looked, ...more, join(home, '.restore'), join(home, 'backups')].flatMap((folder) =>
    namesIn(folder).map(({ name }) => join(folder, name)),
  );
  const found = [...new Set([home, ...below, ...rehearsals()])];
  const entries = found.slice(0, MAX_ENTRIES).flatMap((path) => entryOf(path) ?? []);
  const bound = boundSockets();
  const grants = config.grants ?? [];
  return {
    uid: process.getuid?.() ?? 0,
    home,
    folders,
    missing: folders.filter((folder) => lstatSync(folder, { throwIfNoEntry: false }) === undefined),
    entries,
    truncated: found.length > MAX_ENTRIES,
    // Where nobody can tell, every socket counts as bound: nothing is taken away on a guess.
    bound: bound ?? new Set(entries.map(({ path }) => path)),
    disk: diskOf(home),
    grants: {
      all: grants,
      ended: grants.filter(({ expires }) => Date.parse(expires) <= now).map(({ id }) => id),
    },
    newestRecord,
    now,
  };
}
