import type { RunSpec } from '../../kernel/index.ts';
import { SANDBOX_CODES } from '../sandbox/codes.ts';

/** Where macOS keeps what every program needs to start: libraries, frameworks, the loader's cache. */
const SYSTEM_READ: readonly string[] = [
  '/System/Library',
  '/System/Cryptexes',
  '/System/Volumes/Preboot/Cryptexes',
  '/Library/Apple',
  '/Library/Developer/CommandLineTools',
  '/private/etc/ssl',
  '/private/var/db/dyld',
  '/private/var/db/timezone',
  '/bin',
  '/sbin',
  '/usr/bin',
  '/usr/lib',
  '/usr/libexec',
  '/usr/sbin',
  '/usr/share',
];

/** Programs that may be started; what a run writes may be started too, as under every backend. */
const SYSTEM_PROGRAMS: readonly string[] = [
  '/bin',
  '/sbin',
  '/usr/bin',
  '/usr/sbin',
  '/usr/libexec',
  '/Library/Developer/CommandLineTools',
];

/** Programs that leave a sandbox, or ask somebody outside to act: they talk to launchd, the window server or Apple events. */
const NEVER_STARTED: readonly string[] = [
  '/bin/launchctl',
  '/usr/bin/at',
  '/usr/bin/crontab',
  '/usr/bin/open',
  '/usr/bin/osascript',
  '/usr/bin/sandbox-exec',
  '/usr/bin/security',
  '/usr/bin/sudo',
  '/usr/bin/su',
];

/** Kernel facts that language runtimes ask for at their start. */
const SYSCTLS: readonly string[] = [
  'hw.activecpu',
  'hw.cachelinesize',
  'hw.logicalcpu',
  'hw.memsize',
  'hw.ncpu',
  'hw.pagesize',
  'hw.physicalcpu',
  'kern.argmax',
  'kern.hostname',
  'kern.osproductversion',
  'kern.osrelease',
  'kern.ostype',
  'kern.osversion',
  'kern.version',
  'vm.loadavg',
];

/** A string of the profile language; a quote or a backslash in a path must not end it. */
function text(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are refused
  if (/[\u0000-\u001f\u007f]/.test(value))
    throw SANDBOX_CODES.error('SANDBOX_SPEC_INVALID', 'a path holds a control character');
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function allow(operations: string, filters: readonly string[]): string {
  return [`(allow ${operations}`, ...filters.map((filter) => `  ${filter}`)].join('\n').concat(')');
}

const subpaths = (paths: readonly string[]) => paths.map((path) => `(subpath ${text(path)})`);
const literals = (paths: readonly string[]) => paths.map((path) => `(literal ${text(path)})`);

/**
 * The Seatbelt profile of a run (sandbox(7), the SBPL of Apple's own profiles): everything is denied but what stands
 * here. Sources of mounts are named as they are, because macOS has no mount namespace; `tmp` is the run's own
 * directory. Later rules win, so what must never be reached comes last.
 */
export function seatbeltProfile(spec: RunSpec, tmp: string, forbidden: readonly string[]): string {
  const sources = spec.mounts.map(({ source }) => source);
  const writable = [tmp, ...spec.mounts.filter(({ mode }) => mode === 'rw').map(({ source }) => source)];
  const devices = ['/dev/null', '/dev/zero', '/dev/random', '/dev/urandom'];
  const socket = spec.egressSocket;
  return [
    '(version 1)',
    '(deny default)',
    '(allow process-fork)',
    allow('process-exec*', subpaths([...SYSTEM_PROGRAMS, ...writable])),
    '(allow signal (target same-sandbox))',
    '(allow process-info* (target same-sandbox))',
    allow(
      'sysctl-read',
      SYSCTLS.map((name) => `(sysctl-name ${text(name)})`),
    ),
    allow(
      'file-read-metadata',
      literals(['/', '/private', '/private/var', '/tmp', '/var', '/etc', '/usr', '/dev']),
    ),
    allow('file-read*', [...subpaths([...SYSTEM_READ, tmp, ...sources]), ...literals(devices)]),
    allow('file-write*', subpaths(writable)),
    allow('file-write-data', literals(['/dev/null', '/dev/zero'])),
    ...(socket === undefined
      ? []
      : [allow('network-outbound', literals([socket])), allow('file-read*', literals([socket]))]),
    ['(deny process-exec*', ...literals(NEVER_STARTED).map((filter) => `  ${filter}`)].join('\n').concat(')'),
    ['(deny file-read* file-write*', ...subpaths(forbidden).map((filter) => `  ${filter}`)]
      .join('\n')
      .concat(')'),
    '',
  ].join('\n');
}
