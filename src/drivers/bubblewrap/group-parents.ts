import { dirname, join } from 'node:path';

/** A place in the machine's control groups where this process may make groups of its own. */
export interface GroupParent {
  readonly version: 1 | 2;
  /** One directory on version 2; the memory and the pids hierarchy on version 1. */
  readonly directories: readonly string[];
}

interface Hierarchy {
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
  /** Directory of the group that this process is in. */
  readonly own: string;
  readonly top: string;
}

/** Reads /proc/self/cgroup and /proc/self/mountinfo (cgroups(7), proc(5)). */
function parseHierarchies(cgroup: string, mountinfo: string): readonly Hierarchy[] {
  const memberships = new Map<string, string>();
  for (const line of cgroup.trim().split('\n')) {
    const [, controllers = '', ...path] = line.split(':');
    memberships.set(controllers, path.join(':'));
  }
  const found: Hierarchy[] = [];
  for (const line of mountinfo.trim().split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '/', mountPoint = ''] = before.split(' ');
    const [type, , superOptions = ''] = after.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') continue;
    const options = superOptions.split(',');
    const controllers = [...memberships.keys()].find((key) =>
      type === 'cgroup2' ? key === '' : key !== '' && key.split(',').every((name) => options.includes(name)),
    );
    if (controllers === undefined) continue;
    const path = memberships.get(controllers) ?? '/';
    const below = root === '/' ? path : path.startsWith(`${root}/`) ? path.slice(root.length) : '/';
    found.push({
      version: type === 'cgroup2' ? 2 : 1,
      controllers: controllers.split(',').filter((name) => name !== ''),
      own: below === '/' ? mountPoint : join(mountPoint, below),
      top: mountPoint,
    });
  }
  return found;
}

/**
 * Where a group of its own could be made, best first: version 2 before 1, and the nearest before the top. A
 * parent that holds processes cannot give controllers to its children on version 2 (cgroups(7), "no internal
 * processes"), so the one above is worth trying.
 */
export function groupCandidates(cgroup: string, mountinfo: string): readonly GroupParent[] {
  const hierarchies = parseHierarchies(cgroup, mountinfo);
  const unified = hierarchies
    .filter(({ version }) => version === 2)
    .flatMap(({ own, top }) => [...new Set([own, own === top ? top : dirname(own), top])])
    .map((directory): GroupParent => ({ version: 2, directories: [directory] }));
  const divided = (['own', 'top'] as const).flatMap((which): readonly GroupParent[] => {
    const find = (controller: string) =>
      hierarchies.find((found) => found.version === 1 && found.controllers.includes(controller))?.[which];
    const [memory, pids] = [find('memory'), find('pids')];
    return memory === undefined || pids === undefined ? [] : [{ version: 1, directories: [memory, pids] }];
  });
  return [...unified, ...divided];
}
