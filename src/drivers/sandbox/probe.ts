import type { RunResult, RunSpec, Sandbox, SandboxLimits, SandboxProbe } from '../../kernel/index.ts';
import { asGatehouseError } from '../../kernel/index.ts';
import { SANDBOX_CODES } from './codes.ts';

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
}

/** Programs that really break each limit and try each door; what the kernel answered is what is reported. */
const TRIALS = [
  {
    feature: 'memory',
    script: 'dd if=/dev/zero of=/dev/null bs=128M count=1 2>/dev/null; echo "code $?"',
    held: (result, text) => result.end === 'memory' || !text.includes('code 0'),
  },
  {
    feature: 'processes',
    script: 'i=0; while [ $i -lt 64 ]; do sleep 5 & i=$((i+1)); done; echo all',
    held: (_result, text) => !text.includes('all'),
  },
  {
    feature: 'fileSize',
    script: 'dd if=/dev/zero of=/tmp/big bs=1048577 count=1 2>/dev/null; wc -c < /tmp/big',
    limits: { tmpBytes: 8 * MIB },
    held: (_result, text) => Number(text) <= MIB,
  },
  {
    feature: 'cpu',
    script: 'while :; do :; done',
    limits: { wallMs: 30_000 },
    held: (result) => result.end === 'signalled',
  },
  {
    feature: 'openFiles',
    script: 'exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null 7</dev/null 8</dev/null && echo opened',
    limits: { openFiles: 8 },
    held: (_result, text) => !text.includes('opened'),
  },
  {
    feature: 'tmpSize',
    script:
      'dd if=/dev/zero of=/tmp/a bs=1M count=1 2>/dev/null; dd if=/dev/zero of=/tmp/b bs=1M count=1 2>/dev/null; dd if=/dev/zero of=/tmp/c bs=64K count=1 2>/dev/null && echo fits',
    held: (_result, text) => !text.includes('fits'),
  },
  {
    feature: 'wallTime',
    script: 'sleep 5',
    limits: { wallMs: 100 },
    held: (result) => result.end === 'timeout',
  },
  {
    feature: 'output',
    script: 'head -c 65536 /dev/zero',
    held: (result) => result.stdout.length === TRIAL_LIMITS.outputBytes && result.droppedBytes > 0,
  },
  {
    feature: 'userNamespace',
    script: 'id -u; unshare -U true 2>/dev/null && echo nested; grep CapBnd /proc/self/status',
    held: (_result, text) =>
      text.startsWith('1000\n') && !text.includes('nested') && /CapBnd:\s+0+$/m.test(text),
  },
  {
    feature: 'seccomp',
    script:
      'grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status; kill -0 1 && unshare -i true 2>/dev/null && echo open',
    held: (_result, text) =>
      /^Seccomp:\s+2$/m.test(text) && /^NoNewPrivs:\s+1$/m.test(text) && !text.includes('open'),
  },
  {
    feature: 'network',
    script: 'tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "',
    held: (_result, text) => text.trim() === 'lo',
  },
  {
    feature: 'readOnlyRoot',
    script:
      'touch /x /usr/x /etc/x 2>/dev/null; echo 0 > /proc/sys/kernel/core_uses_pid; ls -d /x /usr/x /etc/x',
    held: (result) => result.exitCode !== 0 && result.stdout.length === 0,
  },
] as const satisfies readonly Trial[];

export type Feature = (typeof TRIALS)[number]['feature'];

export interface ProbeParts<Machine> {
  readonly backend: string;
  /** Finds out about the machine; throws what makes the backend unavailable. */
  readonly ready: () => Machine | Promise<Machine>;
  readonly run: Sandbox['run'];
  readonly version: (machine: Machine) => string;
  /** How a limit that held is enforced here. */
  readonly how: Readonly<Record<Feature, (machine: Machine) => string>>;
  /** Why one did not hold, where the reason is known. */
  readonly whyNot?: (feature: Feature, machine: Machine) => string | undefined;
  /** What cannot be tried by a program inside. */
  readonly more?: (machine: Machine) => SandboxProbe['features'];
  /** Advice when a first run did not start. */
  readonly advice?: (fix: string, cause: unknown) => string;
}

/** Measures once, at the first call, by breaking every limit in a run; later calls get the same answer. */
export function createProbe<Machine>(parts: ProbeParts<Machine>): () => Promise<SandboxProbe> {
  let measured: Promise<SandboxProbe> | undefined;
  return () => {
    measured ??= measure(parts).then((result) => {
      // Somebody may install what is missing while the gateway runs.
      if (!result.available) measured = undefined;
      return result;
    });
    return measured;
  };
}

async function measure<Machine>(parts: ProbeParts<Machine>): Promise<SandboxProbe> {
  const { backend, run } = parts;
  try {
    const machine = await parts.ready();
    await runTrial(run, { feature: 'start', script: 'true', held: () => true });
    const features = await Promise.all(
      TRIALS.map(async (trial) => {
        const { result, text } = await runTrial(run, trial);
        const holds = trial.held(result, text);
        return [
          trial.feature,
          { holds, how: holds ? parts.how[trial.feature](machine) : notHeld(parts, trial.feature, machine) },
        ] as const;
      }),
    );
    return {
      backend,
      available: true,
      version: parts.version(machine),
      features: { ...Object.fromEntries(features), ...parts.more?.(machine) },
    };
  } catch (thrown) {
    const error = asGatehouseError(thrown);
    const fix = parts.advice?.(error.fix, error.cause) ?? error.fix;
    return { backend, available: false, version: '', features: {}, fix };
  }
}

function notHeld<Machine>(parts: ProbeParts<Machine>, feature: Feature, machine: Machine): string {
  return parts.whyNot?.(feature, machine) ?? 'a program went past it on this machine';
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
