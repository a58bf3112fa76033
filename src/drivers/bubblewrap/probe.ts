import type { Sandbox, SandboxProbe } from '../../kernel/index.ts';
import { createProbe } from '../sandbox/probe.ts';
import type { Prepared } from './prepare.ts';

const byGroup = (what: string) => (machine: Prepared) =>
  machine.groups === undefined
    ? `${what} per process (resource limit; no control group can be made here)`
    : `${what} for the whole run (control group version ${machine.groups.parent.version})`;

/** What holds of bubblewrap's isolation on this machine, measured by breaking it. */
export function bubblewrapProbe(ready: () => Prepared, run: Sandbox['run']): () => Promise<SandboxProbe> {
  return createProbe<Prepared>({
    backend: 'bubblewrap',
    ready,
    run,
    version: (machine) => machine.host.version,
    how: {
      memory: byGroup('memory is bounded'),
      processes: byGroup('processes are bounded'),
      fileSize: () => 'RLIMIT_FSIZE',
      cpu: () => 'RLIMIT_CPU per process',
      openFiles: () => 'RLIMIT_NOFILE per process',
      tmpSize: () => 'tmpfs of its own with a size',
      wallTime: () => 'the gateway kills the run',
      output: () => 'kept up to the limit, then counted and dropped',
      userNamespace: (machine) =>
        machine.host.disablesUserNamespaces
          ? 'unprivileged inside, no capabilities, nested ones off by bubblewrap and seccomp'
          : 'unprivileged inside, no capabilities, nested ones off by seccomp alone',
      seccomp: (machine) => `allow-list of system calls for ${machine.host.architecture}, no new privileges`,
      network: () => 'a network namespace with nothing but its own loopback',
      readOnlyRoot: () => 'root, system directories and /proc are read-only',
    },
    whyNot: (feature, machine) =>
      feature === 'processes' && machine.groups === undefined && process.getuid?.() === 0
        ? 'the kernel does not bound the processes of root; run the gateway as another user, or where it can make control groups'
        : undefined,
    more: ({ host: { bindsDescriptors, noCoreHandler } }) => ({
      coreFiles: {
        holds: noCoreHandler,
        how: noCoreHandler
          ? 'a crash leaves no file and starts no program of the machine'
          : 'a crash starts the program in kernel.core_pattern; start the gateway without LimitCORE=0',
      },
      mountRaces: {
        holds: bindsDescriptors,
        how: bindsDescriptors
          ? 'mounts go by descriptor'
          : 'this bubblewrap mounts by name; 0.8.0-2+deb12u1 or 0.10 mount by descriptor',
      },
    }),
    advice,
  });
}

/** Ubuntu 23.10 and later keep unprivileged user namespaces for programs with an AppArmor profile. */
function advice(fix: string, cause: unknown): string {
  const said = cause instanceof Error ? cause.message : '';
  if (!/uid map|Operation not permitted|No permissions to create/.test(said)) return fix;
  return (
    'This system does not let bubblewrap make user namespaces. On Ubuntu, give it an AppArmor profile with ' +
    '`userns` (see apparmor-profiles, bwrap-userns-restrict) or set kernel.apparmor_restrict_unprivileged_userns=0; ' +
    'on others, set kernel.unprivileged_userns_clone=1 and user.max_user_namespaces above 0. In a container, ' +
    'allow user namespaces in its seccomp profile.'
  );
}
