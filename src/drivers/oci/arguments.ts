import type { Mount, RunSpec, SandboxLimits } from '../../kernel/index.ts';
import type { Kit } from '../sandbox/kit.ts';
import { INSIDE, INSIDE_UID } from '../sandbox/places.ts';
import { systemBundles } from '../sandbox/trust.ts';
import type { Machine } from './machine.ts';

/** Everything about a run that is fixed when its container starts; two runs with the same could swap containers. */
export interface Plan {
  readonly scope: string;
  readonly mounts: readonly Mount[];
  readonly limits: SandboxLimits;
  readonly egress: boolean;
  readonly trustBundle?: string;
}

export function planOf(spec: RunSpec): Plan {
  const { scope, limits, egressSocket, trustBundle } = spec;
  const mounts = [...spec.mounts, ...(spec.masks ?? [])];
  const egress = egressSocket !== undefined;
  return { scope, mounts, limits, egress, ...(egress && trustBundle !== undefined ? { trustBundle } : {}) };
}

/** Where the run's own pipes, its input and its way out are, inside. */
export const CONTROL = '/run/gatehouse';

/** User ids of runs under rootful Podman: a range above all that distributions and nspawn hand out. */
const USER_BASE = 1_900_000_000;
const USER_COUNT = 65_536;

/** Processes of a run that are not the command: the guard, which is process 1, and what it looks with. */
const OWN_PROCESSES = 2;
/** The bridge's own threads, when there is a way out. */
const BRIDGE_PROCESSES = 16;

/** See RLIMIT_CORE in the policy of system calls. */
const CORE_LIMIT = 1;

/** Descriptors that a container runtime needs to set a container up. */
const SETUP_FILES = 1_024;

/** Seconds after its longest time at which the engine ends a container by itself, when the gateway is gone. */
const GRACE_SECONDS = 30;

/** What is the same in every container of this install. */
export interface Fixed {
  readonly image: string;
  readonly profile: string;
  readonly kit: Kit;
  readonly nodePath: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds that a container may wait for its run. */
  readonly idleSeconds: number;
}

/** Names of one container. */
export interface Names {
  readonly container: string;
  /** Host directory that becomes `CONTROL`. */
  readonly control: string;
}

/** Fields of `--mount` are CSV (RFC 4180), so that a comma in a path does not start another option. */
function field(text: string): string {
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function bind(machine: Machine, { source, target, mode }: Mount, mapped: boolean): readonly string[] {
  const { account, users } = machine;
  const id = (own: number) => `${own}-${USER_BASE + INSIDE_UID}-1`;
  const map = mapped && users === 'mapped' ? [`idmap=uids=${id(account.uid)};gids=${id(account.gid)}`] : [];
  const options = [
    'type=bind',
    field(`source=${source}`),
    field(`target=${target}`),
    'bind-propagation=rprivate',
    ...(mode === 'ro' ? ['readonly'] : []),
    ...map,
  ];
  return ['--mount', options.join(',')];
}

/** Who the command is, inside and outside. */
function userArguments({ users, account }: Machine): readonly string[] {
  const inside = `${INSIDE_UID}:${INSIDE_UID}`;
  if (users === 'mapped') {
    const range = `0:${USER_BASE}:${USER_COUNT}`;
    return ['--uidmap', range, '--gidmap', range, '--user', inside];
  }
  if (users === 'kept') return ['--userns', `keep-id:uid=${INSIDE_UID},gid=${INSIDE_UID}`, '--user', inside];
  return ['--user', users === 'root' ? '0:0' : `${account.uid}:${account.gid}`];
}

function limitArguments({ groups, users }: Machine, plan: Plan): readonly string[] {
  const { limits, egress } = plan;
  const processes = limits.processes + OWN_PROCESSES + (egress ? BRIDGE_PROCESSES : 0);
  const limit = (name: string, soft: number, hard = soft) => ['--ulimit', `${name}=${soft}:${hard}`];
  return [
    ...limit('core', CORE_LIMIT),
    ...limit('fsize', limits.fileBytes),
    // One second after SIGXCPU comes SIGKILL.
    ...limit('cpu', limits.cpuSeconds, limits.cpuSeconds + 1),
    // The runtime itself needs more than a run may have; the guard sets the run's own.
    ...limit('nofile', Math.max(limits.openFiles, SETUP_FILES)),
    ...(groups.memory
      ? ['--memory', `${limits.memoryBytes}b`, '--memory-swap', `${limits.memoryBytes}b`]
      : limit('data', limits.memoryBytes)),
    // Without a user namespace the kernel would count what the account runs elsewhere as well.
    ...(groups.processes ? ['--pids-limit', String(processes)] : []),
    ...(groups.processes || users === 'account' || users === 'root' ? [] : limit('nproc', processes)),
    '--tmpfs',
    `/tmp:rw,exec,nosuid,nodev,size=${limits.tmpBytes},mode=1777`,
    '--shm-size',
    `${limits.tmpBytes}b`,
  ];
}

function engineArguments(machine: Machine, plan: Plan, fixed: Fixed): readonly string[] {
  // Some engines put writable file systems there for a container that is read-only.
  if (machine.engine.name !== 'podman')
    return ['/run', '/var/tmp'].flatMap((path) => [
      '--tmpfs',
      `${path}:ro,nosuid,nodev,noexec,size=64k,mode=755`,
    ]);
  const seconds = Math.ceil(plan.limits.wallMs / 1_000) + fixed.idleSeconds + GRACE_SECONDS;
  return [
    '--no-hosts',
    '--read-only-tmpfs=false',
    '--image-volume',
    'ignore',
    '--timeout',
    String(seconds),
    ...(machine.selinux ? ['--security-opt', 'label=disable'] : []),
  ];
}

/** Read-only files of the install that every run sees, and those that only one with a way out needs. */
function ownMounts(kit: Kit, nodePath: string, egress: boolean): readonly Mount[] {
  const etc = ['hosts', 'resolv.conf', 'nsswitch.conf'].map(
    (name): Mount => ({ source: `${kit.etc}/${name}`, target: `/etc/${name}`, mode: 'ro' }),
  );
  if (!egress) return etc;
  return [
    ...etc,
    { source: kit.tools, target: INSIDE.tools, mode: 'ro' },
    { source: nodePath, target: INSIDE.node, mode: 'ro' },
    ...kit.certificates.map((path): Mount => ({ source: path, target: path, mode: 'ro' })),
  ];
}

/** In the place of the system's own bundles; the guard's directory holds one more where the variables say. */
function trustMounts({ trustBundle }: Plan): readonly Mount[] {
  if (trustBundle === undefined) return [];
  return systemBundles().map((target) => ({ source: trustBundle, target, mode: 'ro' }));
}

/** The whole command line after the engine's name. */
export function runArguments(machine: Machine, plan: Plan, fixed: Fixed, names: Names): readonly string[] {
  const { image, profile, kit, nodePath, labels } = fixed;
  return [
    'run',
    '--name',
    names.container,
    ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    // What is not on this machine is never fetched: the image is what the operator built.
    '--pull',
    'never',
    '--network',
    'none',
    '--read-only',
    '--cap-drop',
    'ALL',
    '--security-opt',
    'no-new-privileges',
    '--security-opt',
    `seccomp=${profile}`,
    '--cgroupns',
    'private',
    '--ipc',
    'private',
    '--log-driver',
    'none',
    '--hostname',
    'sandbox',
    '--workdir',
    '/',
    ...userArguments(machine),
    ...engineArguments(machine, plan, fixed),
    ...limitArguments(machine, plan),
    // Hardware, modules and groups of the machine.
    '--tmpfs',
    '/sys:ro,nosuid,nodev,noexec,size=64k,mode=555',
    ...ownMounts(kit, nodePath, plan.egress).flatMap((mount) => bind(machine, mount, false)),
    ...trustMounts(plan).flatMap((mount) => bind(machine, mount, true)),
    ...plan.mounts.flatMap((mount) => bind(machine, mount, true)),
    ...bind(machine, { source: names.control, target: CONTROL, mode: 'ro' }, true),
    '--entrypoint',
    '/bin/sh',
    image,
    `${CONTROL}/go`,
  ];
}
