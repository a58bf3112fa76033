import { dirname, isAbsolute, join, normalize, relative, sep } from 'node:path';
import { FORBIDDEN_HOST_TREES } from '../../kernel/index.ts';
import type { ConfigFiles } from '../files.ts';

export interface HostPlaces {
  /** Gatehouse's own home. */
  readonly home: string;
  /** Where agents' workspaces are inside that home. */
  readonly workspaces: string;
  /** Home directory of the account. */
  readonly userHome: string;
  readonly files: ConfigFiles;
}

function inside(parent: string, path: string): boolean {
  const inner = relative(parent, path);
  return inner === '' || (!isAbsolute(inner) && inner !== '..' && !inner.startsWith(`..${sep}`));
}

/** Links resolved as far as the path exists, so that a link cannot lead to what its name does not say. */
function resolved(path: string, files: ConfigFiles): string {
  const whole = files.resolve(path);
  if (whole !== undefined || path === dirname(path)) return whole ?? path;
  return join(resolved(dirname(path), files), path.slice(dirname(path).length));
}

/**
 * The host directory that may be given to a sandbox, with links resolved; undefined when it holds, or lies in,
 * what no sandbox may see: system directories, container sockets, dot directories of the account, Gatehouse's own
 * state (X4).
 */
export function permittedHostPath(path: string, places: HostPlaces): string | undefined {
  const expanded = path.startsWith('~/') ? join(places.userHome, path.slice(2)) : path;
  if (!isAbsolute(expanded) || expanded.includes('\0') || path.split('/').includes('..')) return undefined;
  const real = resolved(normalize(expanded).replace(/(.)\/+$/, '$1'), places.files);
  const workspaces = resolved(places.workspaces, places.files);
  if (real !== workspaces && inside(workspaces, real)) return real;
  const userHome = resolved(places.userHome, places.files);
  const guarded = [...FORBIDDEN_HOST_TREES, resolved(places.home, places.files)];
  if (guarded.some((guard) => inside(guard, real) || inside(real, guard))) return undefined;
  if (inside(real, userHome)) return undefined;
  const [first] = relative(userHome, real).split(sep);
  return inside(userHome, real) && first?.startsWith('.') === true ? undefined : real;
}
