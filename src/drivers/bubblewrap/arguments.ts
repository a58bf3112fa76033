import { existsSync } from 'node:fs';
import type { Mount, RunSpec } from '../../kernel/index.ts';
import { runEnvironment } from '../sandbox/environment.ts';
import type { Kit } from '../sandbox/kit.ts';
import { INSIDE, INSIDE_UID, SYSTEM_PROGRAM_DIRS } from '../sandbox/places.ts';
import { systemBundles, trustEnvironment } from '../sandbox/trust.ts';
import { type Host, type Layout, systemLayout } from './host.ts';
import type { BubblewrapOptions } from './options.ts';
import { STRICT_LAYOUT, strictBindings } from './programs.ts';

/** Descriptors of a run besides its standard ones. bubblewrap closes them before the command starts. */
export const ARGUMENTS_FD = 3;
export const FILTER_FD = 4;
export const STATUS_FD = 5;
export const FIRST_MOUNT_FD = 6;

/**
 * What isolates a run. It stands on the command line, where it cannot be cut off; mounts and variables
 * follow through a pipe, and losing a part of those only ever takes things away.
 */
export function isolationArguments(host: Host): readonly string[] {
  return [
    '--seccomp',
    String(FILTER_FD),
    '--json-status-fd',
    String(STATUS_FD),
    '--unshare-user',
    ...(host.disablesUserNamespaces ? ['--disable-userns'] : []),
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-net',
    '--unshare-cgroup',
    '--cap-drop',
    'ALL',
    '--die-with-parent',
    // A session of its own has no controlling terminal to push input into (attack 62, CVE-2017-5226).
    '--new-session',
    '--uid',
    String(INSIDE_UID),
    '--gid',
    String(INSIDE_UID),
    '--hostname',
    'sandbox',
    '--clearenv',
    '--args',
    String(ARGUMENTS_FD),
  ];
}

/** The kernel's keys of the account outside, by name, and what the machine was started with. */
const MASKED_PROC = ['/proc/keys', '/proc/cmdline'];

/**
 * Files of /proc that tell about the memory and the processes of the whole machine. Only root reads them, but to
 * the kernel a run of a gateway that runs as root is still that user. The rest of what is delicate in /proc asks
 * for a capability, which no run has.
 */
const MASKED_PROC_OF_ROOT = [
  '/proc/kpagecgroup',
  '/proc/kpagecount',
  '/proc/kpageflags',
  '/proc/pagetypeinfo',
  '/proc/slabinfo',
  '/proc/timer_list',
  '/proc/vmallocinfo',
];

/** The part of the mounts that is the same in every run of this install; made once. */
export interface BaseMounts {
  readonly system: readonly string[];
  readonly etc: readonly string[];
  /** Only of use to a run that has a way out. */
  readonly certificates: readonly string[];
  readonly proc: readonly string[];
}

export function baseMounts(kit: Kit): BaseMounts {
  return {
    system: layoutArguments(systemLayout()),
    etc: ['--ro-bind', kit.etc, '/etc', ...bindAsIs(kit.hostEtc)],
    certificates: bindAsIs(kit.certificates),
    proc: procArguments(),
  };
}

function bindAsIs(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => ['--ro-bind', path, path]);
}

function layoutArguments(layout: Layout): readonly string[] {
  return layout.flatMap(({ path, link }) =>
    link === undefined ? ['--ro-bind', path, path] : ['--symlink', link, path],
  );
}

/** Read-only as a whole: as root of the host, a run could otherwise set kernel.core_pattern to a program. */
function procArguments(): readonly string[] {
  const delicate = process.getuid?.() === 0 ? [...MASKED_PROC, ...MASKED_PROC_OF_ROOT] : MASKED_PROC;
  const masked = delicate.filter((path) => existsSync(path));
  const masks = masked.flatMap((path) => ['--ro-bind', '/dev/null', path]);
  return ['--proc', '/proc', ...masks, '--remount-ro', '/proc'];
}

/** Limits that the kernel keeps per process; what control groups hold for the whole run is left to them. */
export interface ProcessLimits {
  readonly memory: boolean;
  readonly processes: boolean;
}

/** Everything of one run that bubblewrap reads from the pipe. `mountFds` are as many as the mounts, then the socket's. */
export function runArguments(
  spec: RunSpec,
  base: BaseMounts,
  kit: Kit,
  host: Host,
  options: BubblewrapOptions,
): readonly string[] {
  const tmpBytes = String(spec.limits.tmpBytes);
  const result: string[] = [];
  for (const [name, value] of runEnvironment(spec.env, spec.egressSocket !== undefined))
    result.push('--setenv', name, value);
  for (const [name, value] of trustEnvironment(spec)) result.push('--setenv', name, value);
  if (spec.programs === undefined) result.push(...base.system);
  else result.push(...strictArguments(spec.programs, host, options));
  result.push(...base.etc, ...base.proc, '--dev', '/dev');
  // A tmpfs that anybody may write without a bound would be a way around the size of /tmp.
  result.push('--size', tmpBytes, '--tmpfs', '/dev/shm', '--remount-ro', '/dev');
  result.push('--perms', '1777', '--size', tmpBytes, '--tmpfs', '/tmp', '--dir', '/workspace');
  result.push(...mountArguments([...spec.mounts, ...(spec.masks ?? [])], host));
  if (spec.egressSocket !== undefined)
    result.push(...base.certificates, ...egressArguments(spec, kit, host, options));
  result.push(...trustArguments(spec));
  result.push('--remount-ro', '/', '--chdir', spec.cwd);
  return result;
}

function strictArguments(
  programs: readonly string[],
  host: Host,
  options: BubblewrapOptions,
): readonly string[] {
  const bindings = strictBindings(programs, options.programDirs ?? SYSTEM_PROGRAM_DIRS, host.architecture);
  return [
    ...bindings.flatMap(({ source, target }) => ['--ro-bind', source, target]),
    ...layoutArguments(STRICT_LAYOUT),
    '--ro-bind',
    host.prlimit,
    INSIDE.prlimit,
  ];
}

/** In order: what is laid over a mount comes after it. */
function mountArguments(mounts: readonly Mount[], host: Host): readonly string[] {
  return mounts.flatMap(({ source, target, mode }, index) => {
    const option = mode === 'rw' ? '--bind' : '--ro-bind';
    if (!host.bindsDescriptors) return [option, source, target];
    return [`${option}-fd`, String(FIRST_MOUNT_FD + index), target];
  });
}

function egressArguments(spec: RunSpec, kit: Kit, host: Host, options: BubblewrapOptions): readonly string[] {
  const socket = host.bindsDescriptors
    ? ['--ro-bind-fd', String(FIRST_MOUNT_FD + spec.mounts.length + (spec.masks?.length ?? 0))]
    : ['--ro-bind', spec.egressSocket ?? ''];
  return [
    '--ro-bind',
    kit.tools,
    INSIDE.tools,
    '--ro-bind',
    options.nodePath ?? process.execPath,
    INSIDE.node,
    '--ro-bind',
    host.prlimit,
    INSIDE.prlimit,
    ...socket,
    INSIDE.egressSocket,
  ];
}

/** In the place of the system's own bundle, and where the variables say. */
function trustArguments({ trustBundle, egressSocket }: RunSpec): readonly string[] {
  if (trustBundle === undefined || egressSocket === undefined) return [];
  return [INSIDE.trust, ...systemBundles()].flatMap((target) => ['--ro-bind', trustBundle, target]);
}

/** The command as bubblewrap starts it: limits first, then the bridge if there is a way out, then argv. */
export function commandArguments(spec: RunSpec, host: Host, own: ProcessLimits): readonly string[] {
  const { limits } = spec;
  const strictOrEgress = spec.programs !== undefined || spec.egressSocket !== undefined;
  return [
    strictOrEgress ? INSIDE.prlimit : host.prlimit,
    `--fsize=${limits.fileBytes}`,
    // One second after SIGXCPU comes SIGKILL.
    `--cpu=${limits.cpuSeconds}:${limits.cpuSeconds + 1}`,
    `--nofile=${limits.openFiles}`,
    ...(own.memory ? [`--data=${limits.memoryBytes}`] : []),
    ...(own.processes ? [`--nproc=${limits.processes}`] : []),
    '--',
    ...(spec.egressSocket === undefined ? [] : [INSIDE.node, INSIDE.bridge, '--']),
    ...spec.argv,
  ];
}
