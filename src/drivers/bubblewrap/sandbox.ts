import { closeSync, openSync } from 'node:fs';
import type { RunObserver, RunResult, RunSpec, Sandbox } from '../../kernel/index.ts';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { isLow, MIN_FREE_BYTES } from '../sandbox/disk.ts';
import { forbiddenTrees, openSource } from '../sandbox/mounts.ts';
import { checkSpec, nothingRan } from '../sandbox/spec.ts';
import { commandArguments, runArguments } from './arguments.ts';
import { execute, type Launch } from './execute.ts';
import { explainRun } from './explain.ts';
import type { BubblewrapOptions } from './options.ts';
import { inputFile } from './pipes.ts';
import { type Prepared, prepare, processLimits } from './prepare.ts';
import { bubblewrapProbe } from './probe.ts';

/** Processes of a run that are not the command: bubblewrap itself and process 1 of the namespace. */
const OWN_PROCESSES = 2;
/** The bridge's own threads, when there is a way out. */
const BRIDGE_PROCESSES = 16;

/**
 * The bubblewrap backend of the Sandbox port. Looks at the machine at the first call, never at creation. A
 * missing or refused part of the isolation fails the run (SANDBOX_UNAVAILABLE, SANDBOX_START_FAILED);
 * nothing is ever run outside.
 */
export function createBubblewrapSandbox(options: BubblewrapOptions): Sandbox {
  const forbidden = forbiddenTrees(options.userHome, [...options.forbidden, options.workDir]);
  let prepared: Prepared | undefined;
  const ready = (): Prepared => {
    prepared ??= prepare(options);
    return prepared;
  };

  const run = async (spec: RunSpec, signal: AbortSignal, observer?: RunObserver): Promise<RunResult> => {
    const machine = ready();
    checkSpec(spec, forbidden);
    if (signal.aborted) return nothingRan();
    return runPrepared(machine, options, spec, signal, observer);
  };

  const probe = bubblewrapProbe(ready, run);
  const explain = (spec: RunSpec): readonly string[] => {
    const machine = ready();
    checkSpec(spec, forbidden);
    return explainRun(machine, options, spec);
  };
  return { backend: 'bubblewrap', masksFiles: true, probe, run, explain };
}

async function runPrepared(
  machine: Prepared,
  options: BubblewrapOptions,
  spec: RunSpec,
  signal: AbortSignal,
  observer: RunObserver | undefined,
): Promise<RunResult> {
  const { host, kit, base, isolation, groups } = machine;
  const own = processLimits(machine);
  const writable = spec.mounts.filter(({ mode }) => mode === 'rw').map(({ source }) => source);
  const { minFreeBytes = MIN_FREE_BYTES } = options;
  const perRun = runArguments(spec, base, kit, host, options);
  const command = commandArguments(spec, host, own);
  using open = new DisposableStack();
  const opened = (fd: number) => {
    open.defer(() => closeSync(fd));
    return fd;
  };
  const sources = [...spec.mounts, ...(spec.masks ?? [])].map((mount) =>
    opened(openSource(mount.source, 'tree')),
  );
  if (spec.egressSocket !== undefined) sources.push(opened(openSource(spec.egressSocket, 'socket')));
  if (isLow(writable, minFreeBytes)) throw SANDBOX_CODES.error('SANDBOX_DISK_LOW');
  const inputFd = spec.stdin === undefined ? undefined : opened(await inputFile(options.workDir, spec.stdin));
  const nullFd = host.strayDescriptors.length > 0 ? opened(openSync('/dev/null', 'r')) : -1;
  const pipes = await machine.pipes.take();
  const launch: Launch = {
    bwrap: host.bwrap,
    argv: [...isolation, '--', ...command],
    runArguments: perRun,
    filterFd: opened(openSync(kit.filter, 'r')),
    mountFds: host.bindsDescriptors ? sources : [],
    stray: host.strayDescriptors,
    nullFd,
    pipes,
    inputFd,
    writable,
    minFreeBytes,
    wallMs: spec.limits.wallMs,
    outputBytes: spec.limits.outputBytes,
  };
  const group = groups?.create(groupLimits(spec));
  try {
    return await execute(launch, group, signal, observer);
  } finally {
    // Only once everything that held them is dead; if that fails, these pipes are never used again.
    await group?.remove();
    machine.pipes.release(pipes);
    setImmediate(() => groups?.prepare());
  }
}

/** The group also holds what starts and serves the command, which does not count against its limit. */
function groupLimits(spec: RunSpec): { readonly memoryBytes: number; readonly processes: number } {
  const bridge = spec.egressSocket === undefined ? 0 : BRIDGE_PROCESSES;
  return {
    memoryBytes: spec.limits.memoryBytes,
    processes: spec.limits.processes + OWN_PROCESSES + bridge,
  };
}
