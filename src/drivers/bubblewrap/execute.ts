import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { RunEnd, RunObserver, RunResult } from '../../kernel/index.ts';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { watchDisk } from '../sandbox/disk.ts';
import { CappedOutput } from '../sandbox/output.ts';
import { ARGUMENTS_FD, STATUS_FD } from './arguments.ts';
import { CLEANUP_MS, type RunGroup } from './cgroups.ts';
import { pipeFromRun, type RunPipe } from './pipes.ts';
import { processGone } from './reaper.ts';

/** One run, ready to start. */
export interface Launch {
  readonly bwrap: string;
  /** On the command line: the isolation and the command. */
  readonly argv: readonly string[];
  /** Through the pipe: mounts and variables. */
  readonly runArguments: readonly string[];
  /** Descriptors from `FILTER_FD` on; `STATUS_FD` among them is made here. */
  readonly filterFd: number;
  readonly mountFds: readonly number[];
  /** Descriptor numbers to cover, and what to cover them with. */
  readonly stray: readonly number[];
  readonly nullFd: number;
  /** Pipes from the pool: for output and for errors. */
  readonly pipes: readonly number[];
  /** Descriptor that the run reads; absent means an empty input. */
  readonly inputFd: number | undefined;
  /** Host paths that the run may write, and the bytes that it leaves free there. */
  readonly writable: readonly string[];
  readonly minFreeBytes: number;
  readonly wallMs: number;
  readonly outputBytes: number;
}

type StoppedBy = 'timeout' | 'aborted' | 'disk';

/** What bubblewrap says about itself while it runs (`--json-status-fd`). */
interface Status {
  /** Process 1 of the run, as the host counts. */
  readonly initPid: number | undefined;
  /** The command was started and ended. */
  readonly ended: boolean;
}

const SIGNAL_NAMES = new Map(Object.entries(osConstants.signals).map(([name, number]) => [number, name]));

/** What the run writes, opened on both sides. */
interface Streams {
  readonly stdout: RunPipe;
  readonly stderr: RunPipe;
}

function openStreams([out, err]: readonly number[]): Streams {
  if (out === undefined || err === undefined) throw SANDBOX_CODES.error('SANDBOX_START_FAILED');
  return { stdout: pipeFromRun(out), stderr: pipeFromRun(err) };
}

/** Start bubblewrap with exactly these descriptors; the gateway keeps only its own ends. */
function start(launch: Launch, streams: Streams): ChildProcess {
  const fds: (number | 'pipe' | 'ignore')[] = [
    launch.inputFd ?? 'ignore',
    streams.stdout.childFd,
    streams.stderr.childFd,
    'pipe',
    launch.filterFd,
    'pipe',
    ...launch.mountFds,
  ];
  for (const fd of launch.stray) {
    while (fds.length <= fd) fds.push('ignore');
    if (fds[fd] === 'ignore') fds[fd] = launch.nullFd;
  }
  try {
    return spawn(launch.bwrap, launch.argv, { stdio: fds, cwd: '/', env: {} });
  } finally {
    for (const { childFd } of [streams.stdout, streams.stderr]) closeSync(childFd);
  }
}

/**
 * Start bubblewrap, hold it back until it is in its control group, and see the run to its end: on return
 * every process of it is dead. Throws SANDBOX_START_FAILED and SANDBOX_CLEANUP_FAILED.
 */
export async function execute(
  launch: Launch,
  group: RunGroup | undefined,
  signal: AbortSignal,
  observer: RunObserver | undefined,
): Promise<RunResult> {
  const started = performance.now();
  const streams = openStreams(launch.pipes);
  const child = start(launch, streams);
  let stoppedBy: StoppedBy | undefined;
  const stop = (why: StoppedBy) => {
    stoppedBy ??= why;
    group?.kill();
    child.kill('SIGKILL');
  };
  const onAbort = () => stop('aborted');
  const timer = setTimeout(() => stop('timeout'), launch.wallMs);
  const unwatch = watchDisk(launch.writable, launch.minFreeBytes, () => stop('disk'));
  signal.addEventListener('abort', onAbort, { once: true });
  const output = collect(child, streams, launch.outputBytes, observer);
  const closed = Promise.all([once(child, 'close'), output.ended]);
  closed.catch(() => undefined);
  try {
    await release(child, launch, group);
    if (signal.aborted) onAbort();
    await closed;
  } catch (cause) {
    child.kill('SIGKILL');
    throw SANDBOX_CODES.error('SANDBOX_START_FAILED', undefined, { cause });
  } finally {
    clearTimeout(timer);
    unwatch();
    signal.removeEventListener('abort', onAbort);
    for (const { stream } of [streams.stdout, streams.stderr]) stream.destroy();
  }
  const status = parseStatus(output.status());
  const memoryKills = group?.memoryKills() ?? 0;
  if (group === undefined) await processGone(status.initPid, CLEANUP_MS);
  const durationMs = performance.now() - started;
  if (!status.ended && stoppedBy === undefined && memoryKills === 0)
    throw SANDBOX_CODES.error('SANDBOX_START_FAILED', undefined, {
      cause: new Error(Buffer.from(output.stderr.bytes()).toString('utf8')),
    });
  return {
    ...endOf(child, stoppedBy, memoryKills),
    stdout: output.stdout.bytes(),
    stderr: output.stderr.bytes(),
    droppedBytes: output.stdout.dropped + output.stderr.dropped,
    durationMs,
  };
}

/** bubblewrap does nothing before it has read its arguments to the end; so this is the moment to bind it. */
async function release(child: ChildProcess, launch: Launch, group: RunGroup | undefined): Promise<void> {
  // bubblewrap may die before it has read everything; how it ended is in its exit, not in these.
  for (const stream of child.stdio) stream?.on('error', () => undefined);
  if (child.pid === undefined) return;
  await group?.add(child.pid);
  (child.stdio[ARGUMENTS_FD] as Writable).end(
    launch.runArguments.map((argument) => `${argument}\0`).join(''),
  );
}

function collect(child: ChildProcess, streams: Streams, limit: number, observer: RunObserver | undefined) {
  const take = (name: 'stdout' | 'stderr') => {
    const kept = new CappedOutput(limit);
    streams[name].stream.on('data', (chunk: Uint8Array) => {
      const part = kept.push(chunk);
      if (part.length > 0) observer?.onOutput?.(name, part);
    });
    return kept;
  };
  const status = new CappedOutput(4096);
  const stdio: readonly (Readable | Writable | null | undefined)[] = child.stdio;
  (stdio[STATUS_FD] as Readable | null | undefined)?.on('data', (chunk: Uint8Array) => status.push(chunk));
  return {
    stdout: take('stdout'),
    stderr: take('stderr'),
    status: () => Buffer.from(status.bytes()).toString('utf8'),
    ended: Promise.all([once(streams.stdout.stream, 'close'), once(streams.stderr.stream, 'close')]),
  };
}

function parseStatus(text: string): Status {
  const pid = /"child-pid":\s*(\d+)/.exec(text)?.[1];
  return { initPid: pid === undefined ? undefined : Number(pid), ended: text.includes('"exit-code"') };
}

/** bubblewrap reports a command that died of signal n as exit code 128 + n, as a shell does. */
function endOf(
  child: ChildProcess,
  stoppedBy: StoppedBy | undefined,
  memoryKills: number,
): { readonly end: RunEnd; readonly exitCode: number | null; readonly signal: string | null } {
  const code = child.exitCode;
  const signal = child.signalCode ?? (code === null ? undefined : SIGNAL_NAMES.get(code - 128)) ?? null;
  if (stoppedBy !== undefined) return { end: stoppedBy, exitCode: null, signal: 'SIGKILL' };
  if (memoryKills > 0) return { end: 'memory', exitCode: code, signal };
  return { end: signal === null ? 'exited' : 'signalled', exitCode: code, signal };
}
