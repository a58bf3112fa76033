import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { findProgram } from '../sandbox/find-program.ts';
import type { Architecture } from '../sandbox/seccomp/numbers.ts';
import type { Layout } from './host.ts';

/** Most programs that a strict run may list. */
export const MAX_PROGRAMS = 128;

/** One host path that a strict run sees, and where. */
export interface Binding {
  readonly source: string;
  readonly target: string;
}

/** Directories that hold the loader and shared libraries, and no programs. Absent ones are passed over. */
function libraryPaths(architecture: Architecture): readonly string[] {
  const multiarch = `${architecture}-linux-gnu`;
  const found = [
    `/usr/lib/${multiarch}`,
    `/lib/${multiarch}`,
    '/usr/lib64',
    '/lib64',
    '/usr/lib/ld-linux-aarch64.so.1',
    `/lib/ld-musl-${architecture}.so.1`,
    '/usr/lib/locale/C.utf8',
  ].filter((path) => existsSync(path));
  return found.some((path) => path.includes(multiarch)) ? found : [...found, '/usr/lib'];
}

/** What a program cannot work without besides libraries. Keyed by the name of the real file. */
const COMPANIONS: readonly { readonly program: RegExp; readonly paths: readonly string[] }[] = [
  { program: /^git$/, paths: ['/usr/lib/git-core', '/usr/share/git-core'] },
  { program: /^perl/, paths: ['/usr/share/perl', '/usr/share/perl5'] },
  { program: /^npm/, paths: ['/usr/share/nodejs', '/usr/lib/node_modules'] },
  { program: /gcc|g\+\+|^cc$/, paths: ['/usr/lib/gcc', '/usr/include'] },
];

function companions(real: string): readonly string[] {
  const name = basename(real);
  const python = /^python3\.\d+$/.test(name) ? [`/usr/lib/${name}`, '/usr/lib/python3'] : [];
  return [...python, ...COMPANIONS.flatMap(({ program, paths }) => (program.test(name) ? paths : []))];
}

/**
 * What strict mode binds instead of /usr: each listed program, the libraries, and what those programs
 * belong with. Throws SANDBOX_PROGRAM_MISSING.
 */
export function strictBindings(
  programs: readonly string[],
  dirs: readonly string[],
  architecture: Architecture,
): readonly Binding[] {
  if (programs.length > MAX_PROGRAMS)
    throw SANDBOX_CODES.error('SANDBOX_SPEC_INVALID', 'the run lists too many programs');
  const bindings = new Map<string, string>();
  const add = (path: string) => {
    if (existsSync(path)) bindings.set(merged(path), realpathSync(path));
  };
  for (const path of libraryPaths(architecture)) add(path);
  for (const program of programs) {
    const path = locate(program, dirs);
    const real = realpathSync(path);
    bindings.set(join('/usr/bin', basename(program)), real);
    if (isAbsolute(program)) bindings.set(merged(program), real);
    for (const companion of companions(real)) add(companion);
  }
  return [...bindings].map(([target, source]) => ({ source, target }));
}

function locate(program: string, dirs: readonly string[]): string {
  const found = program.includes('/')
    ? findProgram(
        basename(program),
        isAbsolute(program) ? dirs.filter((dir) => dir === dirname(program)) : [],
      )
    : findProgram(program, dirs);
  if (found === undefined || program.includes('\0'))
    throw SANDBOX_CODES.error('SANDBOX_PROGRAM_MISSING', 'a listed program is not in a system directory', {
      details: { program },
    });
  return found;
}

/** Strict runs always have /bin, /sbin, /lib and /lib64 as links into /usr. */
function merged(path: string): string {
  return path.startsWith('/usr/') ? path : join('/usr', path);
}

/** The links that go with the bindings. */
export const STRICT_LAYOUT: Layout = [
  { path: '/bin', link: 'usr/bin' },
  { path: '/sbin', link: 'usr/sbin' },
  { path: '/lib', link: 'usr/lib' },
  { path: '/lib64', link: 'usr/lib64' },
];
