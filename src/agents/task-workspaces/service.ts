import type { Dirent } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock, Ledger, Subject } from '../../kernel/index.ts';
import { TURN_CODES } from '../codes.ts';
import type { AgentPolicy, EphemeralWorkspaces } from '../types.ts';

/** Entries of one folder of workspaces that are counted; more count as too many bytes. */
const MAX_COUNTED = 500_000;
/** Milliseconds between two notes that a workspace is in use. */
const NOTE_MS = 30_000;
const HOUR_MS = 3_600_000;
const MB = 1024 * 1024;

/** A workspace that exists for one session and is taken away after it (X8). */
export interface TaskWorkspace {
  readonly path: string;
  readonly session: string;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly usedAt: number;
  /** When it may be taken away, if the session is not used again. */
  readonly removedAfter: number;
}

export interface TaskWorkspaces {
  /**
   * Make the folder of this session if it is not there, and note that it is in use.
   *
   * @throws TURN_WORKSPACES_FULL
   */
  enter(policy: AgentPolicy, session: string, subject: Subject): Promise<void>;
  /** The workspace of a session, if it has one now. */
  find(policy: AgentPolicy, session: string): Promise<TaskWorkspace | undefined>;
  /** Take away what was not used for longer than its grace period; returns how many. */
  sweep(): Promise<number>;
}

export interface TaskWorkspacesOptions {
  readonly clock: Clock;
  readonly ledger: Ledger;
  /** What every agent has now; one that has none any more keeps nothing. */
  readonly policies: () => Iterable<AgentPolicy>;
  /** Whether a turn of the session is under way or waits for somebody. */
  readonly busy: (session: string) => Promise<boolean>;
}

/** The policy of one session: with a folder of its own where the playbook says so. Nothing is made yet. */
export function withOwnWorkspace(policy: AgentPolicy, session: string): AgentPolicy {
  if (policy.ephemeral === undefined) return policy;
  return { ...policy, workspace: folderOf(policy.ephemeral, session) };
}

function folderOf({ folder }: EphemeralWorkspaces, session: string): string {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(session))
    throw TURN_CODES.error('TURN_WORKSPACES_FULL', 'no such session');
  return join(folder, session);
}

/** Beside the folder, where no run sees it: who it belongs to, and by its time when it was last used. */
const markOf = (path: string): string => `${path}.json`;

export function createTaskWorkspaces(options: TaskWorkspacesOptions): TaskWorkspaces {
  const { clock, ledger } = options;
  const noted = new Map<string, number>();
  /** One at a time: two sessions that begin together must not both be the last one that there is room for. */
  let making: Promise<unknown> = Promise.resolve();

  const note = async (path: string): Promise<void> => {
    const now = clock.now();
    if (now - (noted.get(path) ?? 0) < NOTE_MS) return;
    noted.set(path, now);
    await utimes(markOf(path), now / 1_000, now / 1_000);
  };

  const make = async (limits: EphemeralWorkspaces, path: string, subject: Subject): Promise<void> => {
    if (await exists(path)) return;
    const { folder, most, bytes } = limits;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const there = async () => (await namesIn(folder)).length;
    if ((await there()) >= most) await sweepFolder(folder, limits);
    if ((await there()) >= most) {
      const message = `the agent has ${most} workspaces of tasks already, and none of them is old enough to be taken away`;
      throw TURN_CODES.error('TURN_WORKSPACES_FULL', message);
    }
    if ((await sizeOf(folder)) > bytes) {
      const message = `the agent's workspaces of tasks hold more than ${Math.round(bytes / MB)} MB`;
      throw TURN_CODES.error('TURN_WORKSPACES_FULL', message);
    }
    await ledger.append({
      type: 'change',
      action: 'workspace.created',
      outcome: 'success',
      subject,
      data: { path },
    });
    await writeFile(markOf(path), JSON.stringify({ session: basename(path), createdAt: clock.now() }), {
      mode: 0o600,
    });
    await mkdir(path, { mode: 0o700 });
  };

  const remove = async (path: string, found: TaskWorkspace): Promise<void> => {
    const bytes = await sizeOf(path);
    const idleHours = Math.floor((clock.now() - found.usedAt) / HOUR_MS);
    const data = { path, session: found.session, bytes, idleHours };
    await ledger.append({ type: 'change', action: 'workspace.removed', outcome: 'success', data });
    // Out of the way in one step, so that no run finds half of it.
    const gone = join(dirname(path), `.gone-${basename(path)}`);
    await rename(path, gone);
    await removeAll(gone);
    await rm(markOf(path), { force: true });
    noted.delete(path);
  };

  const sweepFolder = async (
    folder: string,
    limits: Pick<EphemeralWorkspaces, 'graceMs'>,
  ): Promise<number> => {
    let count = 0;
    for (const name of await leftBehind(folder)) await removeAll(join(folder, name));
    for (const name of await namesIn(folder)) {
      const path = join(folder, name);
      const found = await read(path, limits.graceMs);
      if (found.removedAfter > clock.now() || (await options.busy(name))) continue;
      await remove(path, found);
      count += 1;
    }
    return count;
  };

  return {
    async enter(policy, session, subject) {
      const { ephemeral } = policy;
      if (ephemeral === undefined) return;
      const path = folderOf(ephemeral, session);
      const next = making.then(() => make(ephemeral, path, subject));
      making = next.catch(() => undefined);
      await next;
      await note(path);
    },
    async find({ ephemeral }, session) {
      if (ephemeral === undefined) return undefined;
      const path = folderOf(ephemeral, session);
      return (await exists(path)) ? read(path, ephemeral.graceMs) : undefined;
    },
    async sweep() {
      let count = 0;
      for (const { ephemeral } of options.policies())
        if (ephemeral !== undefined) count += await sweepFolder(ephemeral.folder, ephemeral);
      return count;
    },
  };
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() === true;
}

/** A run can close a folder so that nobody sees how much is in it. */
function ignoreMissing(thrown: unknown): readonly Dirent[] | undefined {
  return (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? [] : undefined;
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const entries = await entriesOf(folder);
  return entries.flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : []));
}

/** What a process that was killed in the middle of a removal left. */
async function leftBehind(folder: string): Promise<readonly string[]> {
  return (await entriesOf(folder)).flatMap(({ name }) => (name.startsWith('.gone-') ? [name] : []));
}

async function read(path: string, graceMs: number): Promise<TaskWorkspace> {
  const mark = await lstat(markOf(path)).catch(() => undefined);
  const text = await readFile(markOf(path), 'utf8').catch(() => '{}');
  const facts = await lstat(path);
  let createdAt = facts.mtimeMs;
  try {
    createdAt = Number((JSON.parse(text) as { createdAt?: unknown }).createdAt) || createdAt;
  } catch {
    // It was cut off while it was written: the folder's own time has to do.
  }
  const usedAt = Math.round(mark?.mtimeMs ?? facts.mtimeMs);
  return {
    path,
    session: basename(path),
    createdAt: Math.round(createdAt),
    usedAt,
    removedAfter: usedAt + graceMs,
  };
}

/**
 * Take a folder away, also where a run (or a cache of Go modules) made folders that cannot be written. No run sees it any
 * more, so nobody puts a link in the place of a folder meanwhile.
 */
async function removeAll(path: string): Promise<void> {
  const pending = [path];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const facts = await lstat(next).catch(() => undefined);
    if (facts?.isDirectory() !== true) continue;
    if ((facts.mode & 0o700) !== 0o700) await chmod(next, 0o700);
    for (const entry of await entriesOf(next)) if (entry.isDirectory()) pending.push(join(next, entry.name));
  }
  await rm(path, { recursive: true, force: true });
}

/** Bytes of all files below; links are not followed. Infinity when there is more than can be counted, or what cannot. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  let counted = 0;
  const pending = [folder];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const entries = await readdir(path, { withFileTypes: true }).catch(ignoreMissing);
    if (entries === undefined) return Number.POSITIVE_INFINITY;
    for (const entry of entries) {
      counted += 1;
      if (counted > MAX_COUNTED) return Number.POSITIVE_INFINITY;
      const below = join(path, entry.name);
      if (entry.isDirectory()) pending.push(below);
      else if (entry.isFile()) bytes += (await lstat(below).catch(() => undefined))?.size ?? 0;
    }
  }
  return bytes;
}
