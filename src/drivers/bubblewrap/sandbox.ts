import { closeSync, openSync } from 'node:fs';
import type { RunObserver, RunResult, RunSpec, Sandbox } from '../../kernel/index.ts';
import { commandArguments, runArguments } from './arguments.ts';
import { SANDBOX_CODES } from './codes.ts';
import { isLow, MIN_FREE_BYTES } from './disk.ts';
import { execute, type Launch } from './execute.ts';
import { explainRun } from './explain.ts';
import { checkMounts, forbiddenTrees, insideMounts, openSource } from './mounts.ts';
import type { BubblewrapOptions } from './options.ts';
import { inputFile } from './pipes.ts';
import { type Prepared, prepare, processLimits } from './prepare.ts';
import { createProbe } from './probe.ts';

/** Bytes of one run's arguments together. */
export const MAX_ARGUMENT_BYTES = 128 * 1024;
/** Bytes of one run's standard input. */
export const MAX_STDIN_BYTES = 16 * 1024 * 1024;

/** Processes of a run that are not the command: bubblewrap itself and process 1 of the namespace. */
const OWN_PROCESSES = 2;
/** The bridge's own threads, when there is a way out. */
const BRIDGE_PROCESSES = 16;

/** Refuses what no sandbox can be made of. Throws SANDBOX_SPEC_INVALID and SANDBOX_MOUNT_REFUSED. */
function checkSpec(spec: RunSpec, forbidden: readonly string[]): void {
  const invalid = (why: string) => SANDBOX_CODES.error('SANDBOX_SPEC_INVALID', why);
  const bytes = spec.argv.reduce((sum, argument) => sum + Buffer.byteLength(argument) + 1, 0);
  if (spec.argv.length === 0 || spec.argv[0] === '') throw invalid('there is no command to run');
  if (spec.argv.some((argument) => argument.includes('\0'))) throw invalid('an argument holds a NUL byte');
  if (bytes > MAX_ARGUMENT_BYTES) throw invalid('the command is too long');
  if ((spec.stdin?.byteLength ?? 0) > MAX_STDIN_BYTES) throw invalid('the standard input is too long');
  for (const [name, value] of Object.entries(spec.limits))
    if (!Number.isSafeInteger(value) || value <= 0)
      throw invalid(`the limit ${name} is not a positive whole number`);
  checkMounts(spec.mounts, forbidden);
  if (!insideMounts(spec.cwd, spec.mounts)) throw invalid('the working directory is not inside a mount');
}

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

  const probe = createProbe({ ready, run });
  const explain = (spec: RunSpec): readonly string[] => {
    const machine = ready();
    checkSpec(spec, forbidden);
    return explainRun(machine, options, spec);
  };
  return { backend: 'bubblewrap', probe, run, explain };
}

function nothingRan(): RunResult {
  const nothing = new Uint8Array(0);
  return {
    end: 'aborted',
    exitCode: null,
    signal: null,
    stdout: nothing,
    stderr: nothing,
    droppedBytes: 0,
    durationMs: 0,
  };
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
  const perRun = runArguments(spec, base, kit, host, options, own);
  const command = commandArguments(spec, host, own);
  using open = new DisposableStack();
  const opened = (fd: number) => {
    open.defer(() => closeSync(fd));
    return fd;
  };
  const sources = spec.mounts.map((mount) => opened(openSource(mount.source, 'tree')));
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
