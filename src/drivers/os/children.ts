import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process below another one, in the same network. */
export interface ChildOf {
  readonly pid: number;
  /** What the kernel calls the program. */
  readonly name: string;
}

/** Processes looked at; more than any install has, and fewer than what would take a second. */
const MAX_CHILDREN = 2_000;

/**
 * Every process that descends from `root` and shares its network namespace (L2). A sandboxed run has a network of its
 * own, and what listens there reaches nobody; a process whose namespace may not be read is such a run.
 */
export async function childrenOf(root: number): Promise<readonly ChildOf[]> {
  if (process.platform !== 'linux') return [];
  const network = await networkOf(root);
  const found: ChildOf[] = [];
  const seen = new Set([root]);
  const queue = [root];
  for (let pid = queue.pop(); pid !== undefined && seen.size < MAX_CHILDREN; pid = queue.pop()) {
    for (const child of await directChildren(pid)) {
      if (seen.has(child)) continue;
      seen.add(child);
      if ((await networkOf(child)) !== network) continue;
      queue.push(child);
      found.push({ pid: child, name: (await text(`/proc/${child}/comm`)).trim() || 'unknown' });
    }
  }
  return found;
}

/** proc_pid_task(5): each thread lists the children that it started. */
async function directChildren(pid: number): Promise<readonly number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(threads.map((thread) => text(`/proc/${pid}/task/${thread}/children`)));
  return lists.flatMap((list) => list.split(/\s+/).filter((word) => word !== '')).map(Number);
}

async function networkOf(pid: number): Promise<string> {
  return readlink(`/proc/${pid}/ns/net`).catch(() => '');
}

async function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
