import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  write,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { SandboxLimits } from '../../kernel/index.ts';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { type GroupParent, groupCandidates } from './group-parents.ts';

/** How long killed processes may take to disappear before the run is reported as not cleaned up. */
export const CLEANUP_MS = 5_000;

/** The control group of one run. */
export interface RunGroup {
  /** Move a process in; everything it starts from then on belongs to the group. */
  add(pid: number): Promise<void>;
  kill(): void;
  /** How many processes the kernel killed because the group was over its memory limit. */
  memoryKills(): number;
  /** Kill what is left and remove the group. Throws SANDBOX_CLEANUP_FAILED after `CLEANUP_MS`. */
  remove(): Promise<void>;
}

const writeTo = promisify((fd: number, text: string, done: (error: Error | null) => void) =>
  write(fd, text, done),
);

const NAME_PREFIX = 'gatehouse-';

/** The first place that really takes a group with both limits, tried by making one; undefined when none does. */
export function findGroupParent(): GroupParent | undefined {
  try {
    const membership = readFileSync('/proc/self/cgroup', 'utf8');
    return groupCandidates(membership, readFileSync('/proc/self/mountinfo', 'utf8')).find(accepts);
  } catch {
    return undefined;
  }
}

/** Limits that every control group takes, to see whether one can be made at all. */
const TRIAL: Pick<SandboxLimits, 'memoryBytes' | 'processes'> = { memoryBytes: 1 << 26, processes: 8 };

function accepts(parent: GroupParent): boolean {
  try {
    if (parent.version === 2) enableControllers(parent.directories[0] ?? '');
    removeAbandoned(parent);
    const directories = makeGroup(parent);
    try {
      setLimits(parent.version, directories, TRIAL);
    } finally {
      for (const directory of directories) rmdirSync(directory);
    }
    return true;
  } catch {
    return false;
  }
}

function enableControllers(directory: string): void {
  const control = join(directory, 'cgroup.subtree_control');
  const enabled = readFileSync(control, 'utf8').trim().split(' ');
  if (!enabled.includes('memory') || !enabled.includes('pids')) writeFileSync(control, '+memory +pids');
}

/** Groups of gateways that died without removing them: the kernel refuses to remove one that is in use. */
function removeAbandoned(parent: GroupParent): void {
  for (const directory of parent.directories) {
    for (const name of readdirSync(directory)) {
      const pid = Number(new RegExp(`^${NAME_PREFIX}(\\d+)-`).exec(name)?.[1] ?? Number.NaN);
      if (Number.isNaN(pid) || isAlive(pid)) continue;
      try {
        rmdirSync(join(directory, name));
      } catch {
        continue;
      }
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

let groupsMade = 0;

function makeGroup(parent: GroupParent): readonly string[] {
  groupsMade += 1;
  const name = `${NAME_PREFIX}${process.pid}-${groupsMade}`;
  const directories = parent.directories.map((directory) => join(directory, name));
  const made: string[] = [];
  try {
    for (const directory of directories) {
      mkdirSync(directory);
      made.push(directory);
    }
    return directories;
  } catch (error) {
    for (const directory of made) rmdirSync(directory);
    throw error;
  }
}

function setLimits(
  version: 1 | 2,
  directories: readonly string[],
  limits: Pick<SandboxLimits, 'memoryBytes' | 'processes'>,
): void {
  const [memory = '', pids = memory] = directories;
  const bytes = String(limits.memoryBytes);
  if (version === 2) {
    writeExisting(join(memory, 'memory.max'), bytes);
    writeOptional(join(memory, 'memory.swap.max'), '0');
    writeOptional(join(memory, 'memory.oom.group'), '1');
  } else {
    writeExisting(join(memory, 'memory.limit_in_bytes'), bytes);
    writeOptional(join(memory, 'memory.memsw.limit_in_bytes'), bytes);
  }
  writeExisting(join(pids, 'pids.max'), String(limits.processes));
}

/** The kernel makes a group's files; a missing one means that its controller is not there. */
function writeExisting(path: string, text: string): void {
  writeFileSync(path, text, { flag: 'r+' });
}

function writeOptional(path: string, text: string): void {
  try {
    writeExisting(path, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/**
 * Makes the control groups of runs. One empty group waits for the next run, because making one takes as long
 * as a tenth of a run; a process that ends leaves it behind for the next one to remove.
 */
export class GroupMaker {
  readonly parent: GroupParent;
  #spare: readonly string[] | undefined;

  constructor(parent: GroupParent) {
    this.parent = parent;
  }

  /** The group of one run. Throws when the kernel does not take it: nothing starts then. */
  create(limits: Pick<SandboxLimits, 'memoryBytes' | 'processes'>): RunGroup {
    const directories = this.#spare ?? makeGroup(this.parent);
    this.#spare = undefined;
    setLimits(this.parent.version, directories, limits);
    return groupOf(this.parent.version, directories);
  }

  /** Make the group of the next run; to be called when there is time. */
  prepare(): void {
    try {
      this.#spare ??= makeGroup(this.parent);
    } catch {
      this.#spare = undefined;
    }
  }
}

function groupOf(version: 1 | 2, directories: readonly string[]): RunGroup {
  const [memory = ''] = directories;
  return {
    async add(pid) {
      await Promise.all(directories.map((path) => moveInto(path, pid)));
    },
    kill: () => killAll(version, directories),
    memoryKills() {
      const file = version === 2 ? 'memory.events' : 'memory.oom_control';
      return Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(memory, file), 'utf8'))?.[1] ?? 0);
    },
    remove: () => removeGroup(version, directories),
  };
}

/** Off the event loop: before Linux 6.18 the kernel may take tens of milliseconds to move a process. */
async function moveInto(directory: string, pid: number): Promise<void> {
  const fd = openSync(join(directory, 'cgroup.procs'), 'w');
  try {
    await writeTo(fd, String(pid));
  } finally {
    closeSync(fd);
  }
}

function killAll(version: 1 | 2, directories: readonly string[]): void {
  for (const directory of directories) {
    try {
      if (version === 2) writeExisting(join(directory, 'cgroup.kill'), '1');
      else killListed(directory);
    } catch (error) {
      // Kernels before 5.14 have no cgroup.kill; a group that is gone has no processes.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') killListed(directory);
    }
  }
}

function killListed(directory: string): void {
  let listed: string;
  try {
    listed = readFileSync(join(directory, 'cgroup.procs'), 'utf8');
  } catch {
    return;
  }
  // 0 stands for a process outside our pid namespace; killing it would mean our own process group.
  for (const pid of listed
    .split('\n')
    .map(Number)
    .filter((number) => number > 0)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      continue;
    }
  }
}

async function removeGroup(version: 1 | 2, directories: readonly string[]): Promise<void> {
  const deadline = performance.now() + CLEANUP_MS;
  for (let pause = 0; ; pause = Math.min(pause + 1, 20)) {
    const left = directories.filter((directory) => !removed(directory));
    if (left.length === 0) return;
    if (performance.now() > deadline) throw SANDBOX_CODES.error('SANDBOX_CLEANUP_FAILED');
    killAll(version, left);
    // The kernel has no event for "the last process of a version 1 group is gone".
    await delay(pause);
  }
}

/** A group can be removed only when nothing lives in it, so this is also the proof that all are dead. */
function removed(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
