import type { RunResult, RunSpec, Sandbox, SandboxLimits, SandboxProbe } from '../../kernel/index.ts';
import { asGatehouseError } from '../../kernel/index.ts';
import { SANDBOX_CODES } from './codes.ts';
import type { Prepared } from './prepare.ts';

const MIB = 1024 * 1024;

/** Small enough that a program can break each of them at once. */
const TRIAL_LIMITS: SandboxLimits = {
  memoryBytes: 64 * MIB,
  processes: 8,
  fileBytes: MIB,
  tmpBytes: 2 * MIB,
  wallMs: 10_000,
  cpuSeconds: 1,
  outputBytes: 4096,
  openFiles: 32,
};

interface Trial {
  readonly feature: string;
  readonly script: string;
  readonly limits?: Partial<SandboxLimits>;
  /** Whether the machine held the limit. */
  readonly held: (result: RunResult, text: string) => boolean;
  readonly how: (machine: Prepared) => string;
}

const byGroup = (what: string) => (machine: Prepared) =>
  machine.groups === undefined
    ? `${what} per process (resource limit; no control group can be made here)`
    : `${what} for the whole run (control group version ${machine.groups.parent.version})`;

/** Programs that really break each limit and try each door; what the kernel answered is what is reported. */
const TRIALS: readonly Trial[] = [
  {
    feature: 'memory',
    script: 'dd if=/dev/zero of=/dev/null bs=128M count=1 2>/dev/null; echo "code $?"',
    held: (result, text) => result.end === 'memory' || !text.includes('code 0'),
    how: byGroup('memory is bounded'),
  },
  {
    feature: 'processes',
    script: 'i=0; while [ $i -lt 64 ]; do sleep 5 & i=$((i+1)); done; echo all',
    held: (_result, text) => !text.includes('all'),
    how: byGroup('processes are bounded'),
  },
  {
    feature: 'fileSize',
    script: 'dd if=/dev/zero of=/tmp/big bs=1048577 count=1 2>/dev/null; wc -c < /tmp/big',
    limits: { tmpBytes: 8 * MIB },
    held: (_result, text) => Number(text) <= MIB,
    how: () => 'RLIMIT_FSIZE',
  },
  {
    feature: 'cpu',
    script: 'while :; do :; done',
    limits: { wallMs: 4_000 },
    held: (result) => result.end === 'signalled',
    how: () => 'RLIMIT_CPU per process',
  },
  {
    feature: 'openFiles',
    script: 'exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null 7</dev/null 8</dev/null && echo opened',
    limits: { openFiles: 8 },
    held: (_result, text) => !text.includes('opened'),
    how: () => 'RLIMIT_NOFILE per process',
  },
  {
    feature: 'tmpSize',
    script:
      'dd if=/dev/zero of=/tmp/a bs=1M count=1 2>/dev/null; dd if=/dev/zero of=/tmp/b bs=1M count=1 2>/dev/null; dd if=/dev/zero of=/tmp/c bs=64K count=1 2>/dev/null && echo fits',
    held: (_result, text) => !text.includes('fits'),
    how: () => 'tmpfs of its own with a size',
  },
  {
    feature: 'wallTime',
    script: 'sleep 5',
    limits: { wallMs: 100 },
    held: (result) => result.end === 'timeout',
    how: () => 'the gateway kills the run',
  },
  {
    feature: 'output',
    script: 'head -c 65536 /dev/zero',
    held: (result) => result.stdout.length === TRIAL_LIMITS.outputBytes && result.droppedBytes > 0,
    how: () => 'kept up to the limit, then counted and dropped',
  },
  {
    feature: 'userNamespace',
    script: 'id -u; unshare -U true 2>/dev/null && echo nested; grep CapBnd /proc/self/status',
    held: (_result, text) =>
      text.startsWith('1000\n') && !text.includes('nested') && /CapBnd:\s+0+$/m.test(text),
    how: (machine) =>
      machine.host.disablesUserNamespaces
        ? 'unprivileged inside, no capabilities, nested ones off by bubblewrap and seccomp'
        : 'unprivileged inside, no capabilities, nested ones off by seccomp alone',
  },
  {
    feature: 'seccomp',
    script:
      'grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status; kill -0 1 && unshare -i true 2>/dev/null && echo open',
    held: (_result, text) =>
      /^Seccomp:\s+2$/m.test(text) && /^NoNewPrivs:\s+1$/m.test(text) && !text.includes('open'),
    how: (machine) => `allow-list of system calls for ${machine.host.architecture}, no new privileges`,
  },
  {
    feature: 'network',
    script: 'tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "',
    held: (_result, text) => text.trim() === 'lo',
    how: () => 'a network namespace with nothing but its own loopback',
  },
  {
    feature: 'readOnlyRoot',
    script:
      'touch /x /usr/x /etc/x 2>/dev/null; echo 0 > /proc/sys/kernel/core_uses_pid; ls -d /x /usr/x /etc/x',
    held: (result) => result.exitCode !== 0 && result.stdout.length === 0,
    how: () => 'root, system directories and /proc are read-only',
  },
];

export interface ProbeParts {
  readonly ready: () => Prepared;
  readonly run: Sandbox['run'];
}

/** Measures once, at the first call, by breaking every limit in a run; later calls get the same answer. */
export function createProbe({ ready, run }: ProbeParts): () => Promise<SandboxProbe> {
  let measured: Promise<SandboxProbe> | undefined;
  return () => {
    measured ??= measure(ready, run).then((result) => {
      // Somebody may install what is missing while the gateway runs.
      if (!result.available) measured = undefined;
      return result;
    });
    return measured;
  };
}

async function measure(ready: () => Prepared, run: Sandbox['run']): Promise<SandboxProbe> {
  try {
    const machine = ready();
    await runTrial(run, { feature: 'start', script: 'true', held: () => true, how: () => '' });
    const features = await Promise.all(
      TRIALS.map(async (trial) => {
        const { result, text } = await runTrial(run, trial);
        const holds = trial.held(result, text);
        return [
          trial.feature,
          { holds, how: holds ? trial.how(machine) : notHeld(trial.feature, machine) },
        ] as const;
      }),
    );
    const binding = machine.host.bindsDescriptors;
    return {
      backend: 'bubblewrap',
      available: true,
      version: machine.host.version,
      features: {
        ...Object.fromEntries(features),
        mountRaces: {
          holds: binding,
          how: binding
            ? 'mounts go by descriptor'
            : 'this bubblewrap mounts by name; 0.8.0-2+deb12u1 or 0.10 mount by descriptor',
        },
      },
    };
  } catch (thrown) {
    const error = asGatehouseError(thrown);
    return {
      backend: 'bubblewrap',
      available: false,
      version: '',
      features: {},
      fix: advice(error.fix, error.cause),
    };
  }
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

function notHeld(feature: string, machine: Prepared): string {
  if (feature === 'processes' && machine.groups === undefined && process.getuid?.() === 0)
    return 'the kernel does not bound the processes of root; run the gateway as another user, or where it can make control groups';
  return 'a program went past it on this machine';
}

async function runTrial(run: Sandbox['run'], trial: Trial): Promise<{ result: RunResult; text: string }> {
  const spec: RunSpec = {
    runId: `probe-${trial.feature}`,
    scope: 'probe',
    argv: ['/bin/sh', '-c', trial.script],
    cwd: '/tmp',
    env: {},
    mounts: [],
    limits: { ...TRIAL_LIMITS, ...trial.limits },
  };
  const result = await run(spec, new AbortController().signal);
  if (trial.feature === 'start' && result.exitCode !== 0)
    throw SANDBOX_CODES.error('SANDBOX_START_FAILED', undefined, {
      cause: new Error(Buffer.from(result.stderr).toString('utf8')),
    });
  return { result, text: Buffer.from(result.stdout).toString('utf8') };
}
