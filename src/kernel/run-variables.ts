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

/** Whether setting the variable can change which code a program runs. */
export function loadsCode(name: string): boolean {
  if (HARMLESS.has(name)) return false;
  return CODE_LOADING.has(name) || CODE_LOADING_PREFIXES.some((prefix) => name.startsWith(prefix));
}
