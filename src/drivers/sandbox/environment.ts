import { SANDBOX_CODES } from './codes.ts';
import { INSIDE, SYSTEM_PROGRAM_DIRS } from './places.ts';

/** Most variables that one run may set. */
export const MAX_VARIABLES = 256;
/** Bytes of all names and values together. */
export const MAX_ENVIRONMENT_BYTES = 128 * 1024;

/**
 * Variables that make an innocent program load or run something else (attack 67). Whole families, because
 * a list of single names ages with every release of an interpreter.
 */
const CODE_LOADING_PREFIXES: readonly string[] = [
  'LD_',
  'DYLD_',
  'GLIBC_',
  'MALLOC_',
  'PYTHON',
  'PERL',
  'RUBY',
  'BASH_',
  'GIT_',
  'NODE_',
  'NPM_CONFIG_',
  'npm_config_',
  'JAVA_',
  'JDK_',
  'LUA_',
];

const CODE_LOADING: ReadonlySet<string> = new Set([
  'PATH',
  'ENV',
  'IFS',
  'PS4',
  'CDPATH',
  'SHELLOPTS',
  'BASHOPTS',
  'PROMPT_COMMAND',
  'GCONV_PATH',
  'LOCPATH',
  'NLSPATH',
  'HOSTALIASES',
  'LOCALDOMAIN',
  'RES_OPTIONS',
  '_JAVA_OPTIONS',
  'CLASSPATH',
  'OPENSSL_CONF',
  'OPENSSL_ENGINES',
  'OPENSSL_MODULES',
  'PAGER',
  'EDITOR',
  'VISUAL',
  'MAKEFLAGS',
  'MFLAGS',
  'GNUMAKEFLAGS',
  'RUSTC_WRAPPER',
  'ELECTRON_RUN_AS_NODE',
]);

/** Of those families, the ones that only say who or how, never what to run. */
const HARMLESS: ReadonlySet<string> = new Set([
  'NODE_ENV',
  'PYTHONUNBUFFERED',
  'PYTHONDONTWRITEBYTECODE',
  'PYTHONHASHSEED',
  'GIT_TERMINAL_PROMPT',
  'GIT_AUTHOR_NAME',
  'GIT_AUTHOR_EMAIL',
  'GIT_AUTHOR_DATE',
  'GIT_COMMITTER_NAME',
  'GIT_COMMITTER_EMAIL',
  'GIT_COMMITTER_DATE',
]);

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether setting the variable can change which code a program runs. */
export function loadsCode(name: string): boolean {
  if (HARMLESS.has(name)) return false;
  return CODE_LOADING.has(name) || CODE_LOADING_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/**
 * The whole environment of a run. HOME is the run's own /tmp, so that no start-up file outlives it
 * (attack 65). Throws SANDBOX_ENV_REFUSED and SANDBOX_SPEC_INVALID.
 */
export function runEnvironment(
  requested: Readonly<Record<string, string>>,
  withEgress: boolean,
): ReadonlyMap<string, string> {
  const entries = Object.entries(requested);
  let bytes = 0;
  for (const [name, value] of entries) {
    if (!NAME.test(name) || value.includes('\0'))
      throw SANDBOX_CODES.error('SANDBOX_SPEC_INVALID', 'a variable has an impossible name or value');
    if (loadsCode(name))
      throw SANDBOX_CODES.error('SANDBOX_ENV_REFUSED', `the variable ${name} may not be set for a run`);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
  }
  if (entries.length > MAX_VARIABLES || bytes > MAX_ENVIRONMENT_BYTES)
    throw SANDBOX_CODES.error('SANDBOX_SPEC_INVALID', 'the environment of the run is too large');
  const path = withEgress ? [...SYSTEM_PROGRAM_DIRS, INSIDE.tools] : SYSTEM_PROGRAM_DIRS;
  return new Map([
    ['HOME', '/tmp'],
    ['TMPDIR', '/tmp'],
    ['USER', 'agent'],
    ['LOGNAME', 'agent'],
    ['SHELL', '/bin/sh'],
    ['LANG', 'C.UTF-8'],
    ...entries,
    ['PATH', path.join(':')],
  ]);
}
