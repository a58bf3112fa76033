import { type } from 'node:os';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { findProgram } from '../sandbox/find-program.ts';
import { SYSTEM_PROGRAM_DIRS } from '../sandbox/places.ts';
import type { Architecture } from '../sandbox/seccomp/numbers.ts';
import { Engine } from './engine.ts';
import type { EngineName, OciOptions } from './options.ts';

/** What the engine offers on this machine, found once. */
export interface Machine {
  readonly engine: Engine;
  readonly mkfifo: string;
  readonly version: string;
  readonly architecture: Architecture;
  readonly account: { readonly uid: number; readonly gid: number };
  /** How a run's user relates to the users of this machine. */
  readonly users: Users;
  /** Which limits the engine can keep for a whole run; the others are kept per process. */
  readonly groups: { readonly memory: boolean; readonly processes: boolean; readonly version: string };
  readonly selinux: boolean;
}

/**
 * `mapped`: rootful Podman, user ids of a range that nobody on this machine has, files mapped back.
 * `kept`: rootless, the run's user is the account and nobody else exists.
 * `account`: Docker without user namespaces, the run has the account's own user id.
 * `root`: rootless Docker, the account is called root inside its own user namespace.
 */
export type Users = 'mapped' | 'kept' | 'account' | 'root';

const ARCHITECTURES: Readonly<Record<string, Architecture>> = { x64: 'x86_64', arm64: 'aarch64' };

const INSTALL: Readonly<Record<EngineName, string>> = {
  podman:
    'Install it: `apt-get install podman crun uidmap` (Debian 12, Ubuntu 24.04 and later) or `dnf install podman`; then run `gatehouse sandbox setup --backend podman`.',
  docker:
    'Install Docker Engine (https://docs.docker.com/engine/install/), let the account use it, then run `gatehouse sandbox setup --backend docker`.',
};
/** `--userns keep-id:uid=` came with this one. */
const MIN_PODMAN = { major: 4, minor: 3 };

function unavailable(message: string, fix: string, cause?: string) {
  return SANDBOX_CODES.error('SANDBOX_UNAVAILABLE', message, {
    fix,
    ...(cause === undefined ? {} : { cause: new Error(cause) }),
  });
}

/** Ask the engine what it is. Throws SANDBOX_UNAVAILABLE with what is missing. */
export async function inspectMachine(options: OciOptions): Promise<Machine> {
  const { engine: name, programDirs = SYSTEM_PROGRAM_DIRS } = options;
  const architecture = ARCHITECTURES[process.arch];
  if (type() !== 'Linux' || architecture === undefined)
    throw unavailable(
      `the ${name} backend needs Linux on x86_64 or aarch64`,
      'Run the gateway on such a machine, or in a virtual machine there.',
    );
  const program = options.program ?? findProgram(name, programDirs);
  const mkfifo = findProgram('mkfifo', programDirs);
  if (program === undefined) throw unavailable(`${name} is not installed, so nothing is run`, INSTALL[name]);
  if (mkfifo === undefined) throw unavailable('mkfifo (coreutils) is not installed', INSTALL[name]);
  const engine = new Engine(name, program, options.env);
  const answer = await engine.ask(['info', '--format', '{{json .}}']);
  if (!answer.ok)
    throw unavailable(
      `${name} does not answer, so nothing is run`,
      name === 'docker'
        ? 'Start the Docker service and let this account use its socket (`docker info` must work for it).'
        : 'Run `podman info` as the account of the gateway and follow what it says.',
      answer.err,
    );
  const { getuid, getgid } = process;
  const account = options.account ?? { uid: getuid?.() ?? -1, gid: getgid?.() ?? -1 };
  const facts = name === 'podman' ? podmanFacts(answer.out) : dockerFacts(answer.out, account.uid);
  return { engine, mkfifo, architecture, account, ...facts };
}

type Facts = Pick<Machine, 'version' | 'users' | 'groups' | 'selinux'>;

interface PodmanInfo {
  readonly host: {
    readonly cgroupControllers?: readonly string[] | null;
    readonly cgroupVersion: string;
    readonly ociRuntime: { readonly name: string };
    readonly security: { readonly rootless: boolean; readonly selinuxEnabled?: boolean };
  };
  readonly version: { readonly Version: string };
}

function parse<T>(text: string, name: EngineName): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw unavailable(`${name} describes itself in a way that is not understood`, INSTALL[name], text);
  }
}

function podmanFacts(text: string): Facts {
  const { host, version } = parse<PodmanInfo>(text, 'podman');
  const [major = 0, minor = 0] = version.Version.split('.').map(Number);
  if (major < MIN_PODMAN.major || (major === MIN_PODMAN.major && minor < MIN_PODMAN.minor))
    throw unavailable(`Podman ${version.Version} is too old: 4.3 is needed`, INSTALL.podman);
  const { rootless, selinuxEnabled = false } = host.security;
  // Files are mapped back to the account by an ID-mapped mount, which Podman asks of crun only.
  if (!rootless && host.ociRuntime.name !== 'crun')
    throw unavailable('Podman as root needs the runtime crun', 'Install it: `apt-get install crun`.');
  // Rootless on version 1: nobody may make groups there (podman-run(1), --memory).
  const controllers = rootless && host.cgroupVersion !== 'v2' ? [] : (host.cgroupControllers ?? []);
  return {
    version: version.Version,
    users: rootless ? 'kept' : 'mapped',
    selinux: selinuxEnabled,
    groups: {
      memory: controllers.includes('memory'),
      processes: controllers.includes('pids'),
      version: host.cgroupVersion.replace('v', ''),
    },
  };
}

interface DockerInfo {
  readonly ServerVersion?: string;
  readonly SecurityOptions?: readonly string[] | null;
  readonly CgroupVersion?: string;
  readonly MemoryLimit?: boolean;
  readonly PidsLimit?: boolean;
  readonly ServerErrors?: readonly string[];
}

function dockerFacts(text: string, uid: number): Facts {
  const info = parse<DockerInfo>(text, 'docker');
  const has = (name: string) =>
    (info.SecurityOptions ?? []).some((option) => option.includes(`name=${name}`));
  if (info.ServerVersion === undefined || info.ServerVersion === '')
    throw unavailable(
      'the Docker service does not answer, so nothing is run',
      'Start the Docker service and let this account use its socket (`docker info` must work for it).',
      (info.ServerErrors ?? []).join('\n'),
    );
  if (!has('seccomp'))
    throw unavailable(
      'this Docker cannot filter system calls',
      'Use a Docker Engine with seccomp, or another backend.',
    );
  if (has('userns'))
    throw unavailable(
      'this Docker maps users for all containers alike, so workspaces would belong to somebody else',
      'Use Docker in rootless mode, Podman, or a Docker Engine without userns-remap.',
    );
  const users = has('rootless') ? 'root' : 'account';
  if (users === 'account' && uid === 0)
    throw unavailable(
      'with this Docker a run would be root of the machine, since the gateway is',
      'Run the gateway as an account of its own, use Docker in rootless mode, or Podman.',
    );
  return {
    version: info.ServerVersion,
    users,
    selinux: has('selinux'),
    groups: {
      memory: info.MemoryLimit === true,
      processes: info.PidsLimit === true,
      version: info.CgroupVersion ?? '?',
    },
  };
}
