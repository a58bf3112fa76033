import type { Sandbox, SandboxProbe } from '../../kernel/index.ts';
import { createProbe } from '../sandbox/probe.ts';
import type { Machine, Users } from './machine.ts';
import type { EngineName } from './options.ts';

const byGroup = (what: string, controller: 'memory' | 'processes') => (machine: Machine) =>
  machine.groups[controller]
    ? `${what} for the whole run (control group version ${machine.groups.version})`
    : `${what} per process (resource limit; the engine can make no such control group here)`;

const USERS: Readonly<Record<Users, string>> = {
  mapped: 'user ids that nobody on this machine has; files of the workspace are mapped to the account',
  kept: 'only the account exists inside, as an ordinary user',
  root: 'rootless Docker: only the account exists inside, without capabilities',
  account: 'Docker runs it as the account itself, without a user namespace; use rootless Docker or Podman',
};

/** What holds of the engine's isolation on this machine, measured by breaking it. */
export function ociProbe(
  engine: EngineName,
  ready: () => Promise<Machine>,
  run: Sandbox['run'],
): () => Promise<SandboxProbe> {
  return createProbe<Machine>({
    backend: engine,
    ready,
    run,
    version: (machine) => machine.version,
    how: {
      memory: byGroup('memory is bounded', 'memory'),
      processes: byGroup('processes are bounded', 'processes'),
      fileSize: () => 'RLIMIT_FSIZE',
      cpu: () => 'RLIMIT_CPU per process',
      openFiles: () => 'RLIMIT_NOFILE per process',
      tmpSize: () => 'tmpfs of its own with a size',
      wallTime: () => 'the gateway kills the run',
      output: () => 'kept up to the limit, then counted and dropped',
      userNamespace: ({ users }) => USERS[users],
      seccomp: (machine) => `allow-list of system calls for ${machine.architecture}, no new privileges`,
      network: () => 'a network namespace with nothing but its own loopback',
      readOnlyRoot: () => 'root, system directories and kernel settings are read-only',
    },
    whyNot: (feature, { users }) => (feature === 'userNamespace' ? USERS[users] : undefined),
    more: () => ({
      coreFiles: { holds: true, how: 'a crash leaves no file and starts no program of the machine' },
      mountRaces: {
        holds: true,
        how: 'what is mounted is compared with what was checked before the command starts',
      },
    }),
  });
}
