import type { ChildProcess } from 'node:child_process';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { RunEnd, RunObserver, RunResult, RunSpec } from '../../kernel/index.ts';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { watchDisk } from '../sandbox/disk.ts';
import { openSource } from '../sandbox/mounts.ts';
import { CappedOutput } from '../sandbox/output.ts';
import { CONTROL, type Names, type Plan } from './arguments.ts';
import { guardScript, type Identity, MOUNT_CHANGED } from './guard.ts';
import type { Machine } from './machine.ts';

const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants;
const SIGNAL_NAMES = new Map(Object.entries(osConstants.signals).map(([name, number]) => [number, name]));
/** What the engine's program ends with when it failed itself (docker-run(1), podman-run(1)). */
const ENGINE_FAILED = 125;
/** Milliseconds after which a service has finished, or dropped, what a killed client had asked for. */
const LATE_MS = 3_000;
/** Milliseconds in which the pipes of a dead run must come to their end. */
const DRAIN_MS = 5_000;
/** Bytes of the engine's own messages that are kept. */
const ENGINE_MESSAGE_BYTES = 8_192;

/** A named pipe that the container writes: the stream here, and an end of our own that keeps it open. */
interface FromRun {
  readonly stream: Socket;
  readonly ownEnd: number;
}

function fromRun(path: string): FromRun {
  const stream = new Socket({
    fd: openSync(path, O_RDONLY | O_NONBLOCK),
    readable: true,
    writable: false,
  });
  stream.on('error', () => undefined);
  return { stream, ownEnd: openSync(path, O_WRONLY) };
}

/** What a container is started with. */
export interface Start {
  readonly machine: Machine;
  readonly plan: Plan;
  readonly names: Names;
  readonly args: readonly string[];
  /** Takes the removal of a dead container, which nobody needs to wait for. */
  readonly leave: (removal: Promise<void>) => void;
}

type StoppedBy = 'timeout' | 'aborted' | 'disk';

/**
 * One container for one run. It is started with everything but the command, and its guard waits for that; so a
 * container can be made ready before it is known what for. It is never used twice.
 */
export class Container {
  readonly plan: Plan;
  readonly #machine: Machine;
  readonly #names: Names;
  readonly #client: ChildProcess;
  readonly #go: number;
  readonly #status: FromRun;
  readonly #out: FromRun;
  readonly #err: FromRun;
  readonly #closed: Promise<unknown>;
  readonly #leave: (removal: Promise<void>) => void;
  #started = false;
  #ownEndsClosed = false;
  #isClosed = false;
  #message = '';

  private constructor(start: Start, client: ChildProcess) {
    const { machine, plan, names } = start;
    this.plan = plan;
    this.#machine = machine;
    this.#names = names;
    this.#client = client;
    this.#leave = start.leave;
    const at = (name: string) => join(names.control, name);
    // Both ends, so that neither the guard nor we wait for the other to open it.
    this.#go = openSync(at('go'), O_RDWR);
    this.#status = fromRun(at('status'));
    this.#out = fromRun(at('out'));
    this.#err = fromRun(at('err'));
    this.#status.stream.on('data', () => {
      this.#started = true;
    });
    client.stderr?.on('data', (chunk: Buffer) => {
      this.#message = (this.#message + chunk.toString('utf8')).slice(0, ENGINE_MESSAGE_BYTES);
    });
    client.on('error', () => undefined);
    this.#closed = once(client, 'close');
    this.#closed.catch(() => undefined);
  }

  /** Start it; resolves when the engine's program runs, not when the container does. */
  static async start(start: Start): Promise<Container> {
    const { machine, names } = start;
    mkdirSync(names.control, { mode: 0o700 });
    try {
      const pipes = ['go', 'status', 'out', 'err'].map((name) => join(names.control, name));
      await promisify(execFile)(machine.mkfifo, ['-m', '600', '--', ...pipes], { env: {} });
      giveTo(machine, [names.control, ...pipes]);
      return new Container(start, machine.engine.start(start.args));
    } catch (cause) {
      rmSync(names.control, { recursive: true, force: true });
      throw SANDBOX_CODES.error('SANDBOX_START_FAILED', undefined, { cause });
    }
  }

  /** Whether the engine's program still runs, so that the container can be expected to be there. */
  get alive(): boolean {
    return (
      this.#client.exitCode === null && this.#client.signalCode === null && this.#client.pid !== undefined
    );
  }

  /** Called once when it ends before it was used. */
  onGone(listener: () => void): void {
    this.#closed.then(listener, listener);
  }

  /** Run the command to its end: on return every process of it is dead and the container is gone. */
  async run(
    spec: RunSpec,
    minFreeBytes: number,
    signal: AbortSignal,
    observer?: RunObserver,
  ): Promise<RunResult> {
    using open = new DisposableStack();
    const started = performance.now();
    const output = {
      stdout: this.#collect('stdout', this.#out, spec, observer),
      stderr: this.#collect('stderr', this.#err, spec, observer),
    };
    let stoppedBy: StoppedBy | undefined;
    let stopping: Promise<void> | undefined;
    const stop = (why: StoppedBy) => {
      stoppedBy ??= why;
      stopping ??= this.#stop();
      stopping.catch(() => undefined);
    };
    const onAbort = () => stop('aborted');
    signal.addEventListener('abort', onAbort, { once: true });
    open.defer(() => signal.removeEventListener('abort', onAbort));
    const timer = setTimeout(() => stop('timeout'), spec.limits.wallMs);
    open.defer(() => clearTimeout(timer));
    const writable = spec.mounts.filter(({ mode }) => mode === 'rw').map(({ source }) => source);
    open.defer(watchDisk(writable, minFreeBytes, () => stop('disk')));
    try {
      this.#send(spec);
      if (signal.aborted) onAbort();
      await this.#closed;
      const killed = stoppedBy === undefined && (await this.#killedForMemory());
      await (stopping ?? this.#removeAfter());
      await this.#drain();
      if (!this.#started && stoppedBy === undefined) throw this.#startFailed();
      return {
        ...endOf(this.#client, stoppedBy, killed),
        stdout: output.stdout.bytes(),
        stderr: output.stderr.bytes(),
        droppedBytes: output.stdout.dropped + output.stderr.dropped,
        durationMs: performance.now() - started,
      };
    } catch (error) {
      await (stopping ?? this.#stop());
      throw error;
    } finally {
      this.#close();
    }
  }

  /** End a container that nobody will use. */
  async discard(): Promise<void> {
    try {
      await this.#stop();
    } finally {
      this.#close();
    }
  }

  #collect(name: 'stdout' | 'stderr', from: FromRun, spec: RunSpec, observer: RunObserver | undefined) {
    const kept = new CappedOutput(spec.limits.outputBytes);
    from.stream.on('data', (chunk: Uint8Array) => {
      const part = kept.push(chunk);
      if (part.length > 0) observer?.onOutput?.(name, part);
    });
    return kept;
  }

  /** Put the command, its input and its way out where the guard finds them, and let it go. */
  #send(spec: RunSpec): void {
    const at = (name: string) => join(this.#names.control, name);
    if (spec.egressSocket !== undefined) linkSocket(spec.egressSocket, at('egress.sock'));
    const trusted = spec.egressSocket === undefined ? undefined : spec.trustBundle;
    if (trusted !== undefined) copyFileSync(trusted, at('certificates.pem'));
    writeFileSync(at('in'), spec.stdin ?? '', { flag: 'wx', mode: 0o400 });
    const mounted = [
      ...[...spec.mounts, ...(spec.masks ?? [])].map(({ source, target }) => identityOf(source, target)),
      statIdentity(this.#names.control, CONTROL),
    ];
    writeFileSync(at('command'), guardScript(spec, mounted), { flag: 'wx', mode: 0o400 });
    const files = ['in', 'command', ...(trusted === undefined ? [] : ['certificates.pem'])];
    giveTo(this.#machine, files.map(at));
    writeSync(this.#go, `. ${CONTROL}/command\n`);
  }

  /** Asked only when it died of SIGKILL, because asking costs as much as a small run. */
  async #killedForMemory(): Promise<boolean> {
    if (this.#client.exitCode !== 128 + osConstants.signals.SIGKILL) return false;
    const answer = await this.#machine.engine.ask([
      'container',
      'inspect',
      '--format',
      '{{.State.OOMKilled}}',
      this.#names.container,
    ]);
    return answer.out.trim() === 'true';
  }

  /** A client that is still about to start the container must not do so after the container was looked for. */
  async #stop(): Promise<void> {
    this.#client.kill('SIGKILL');
    await this.#closed.catch(() => undefined);
    await this.#remove();
    // A service may still finish what a client asked for that is no more: such a container is never started.
    if (!this.#started) this.#leave(delay(LATE_MS, undefined, { ref: false }).then(() => this.#remove()));
  }

  #remove(): Promise<void> {
    return this.#machine.engine.remove(this.#names.container);
  }

  /**
   * When the engine reported how process 1 ended, all of the container is dead and what remains is paper. When it
   * was killed itself or lost its service, the container may still run, and the run is not over before it is gone.
   */
  async #removeAfter(): Promise<void> {
    const { exitCode } = this.#client;
    const removed = this.#remove();
    if (exitCode === null || exitCode === ENGINE_FAILED || !this.#started) return removed;
    this.#leave(removed);
  }

  /** What is still in the pipes; whoever could write there is dead. */
  async #drain(): Promise<void> {
    const signal = AbortSignal.timeout(DRAIN_MS);
    const ended = this.#streams().map(({ stream }) => once(stream, 'end', { signal }));
    this.#closeOwnEnds();
    try {
      await Promise.all(ended);
    } catch (cause) {
      throw SANDBOX_CODES.error('SANDBOX_CLEANUP_FAILED', undefined, { cause });
    }
  }

  #streams(): readonly FromRun[] {
    return [this.#out, this.#err, this.#status];
  }

  #closeOwnEnds(): void {
    if (this.#ownEndsClosed) return;
    this.#ownEndsClosed = true;
    for (const { ownEnd } of this.#streams()) closeSync(ownEnd);
  }

  #startFailed() {
    const cause = new Error(this.#message);
    if (this.#message.includes(MOUNT_CHANGED))
      return SANDBOX_CODES.error('SANDBOX_MOUNT_REFUSED', 'a mount changed while the run was started', {
        cause,
      });
    return SANDBOX_CODES.error('SANDBOX_START_FAILED', undefined, { cause });
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#go);
    this.#closeOwnEnds();
    for (const { stream } of this.#streams()) stream.destroy();
    rmSync(this.#names.control, { recursive: true, force: true });
  }
}

/** Only where the run's account is not the one of this process, which then is root. */
function giveTo({ account, users }: Machine, paths: readonly string[]): void {
  if (users !== 'account' || account.uid === process.getuid?.()) return;
  for (const path of paths) chownSync(path, account.uid, account.gid);
}

/** The source once more, opened and compared, so that what the guard finds must be this very directory. */
function identityOf(source: string, target: string): Identity {
  const fd = openSource(source, 'tree');
  try {
    const { dev, ino } = fstatSync(fd);
    return { target, dev, ino };
  } finally {
    closeSync(fd);
  }
}

function statIdentity(path: string, target: string): Identity {
  const { dev, ino } = statSync(path);
  return { target, dev, ino };
}

/** A second name for the socket in the container's own directory: the same socket, so the same identity (E5). */
function linkSocket(socket: string, name: string): void {
  const fd = openSource(socket, 'socket');
  try {
    linkSync(socket, name);
    const [opened, linked] = [fstatSync(fd), lstatSync(name)];
    if (opened.dev !== linked.dev || opened.ino !== linked.ino)
      throw SANDBOX_CODES.error(
        'SANDBOX_MOUNT_REFUSED',
        'the socket of the run changed while it was passed on',
      );
  } finally {
    closeSync(fd);
  }
}

/** The guard reports a signal as 128 and its number, as a shell does. */
function endOf(
  client: ChildProcess,
  stoppedBy: StoppedBy | undefined,
  killedForMemory: boolean,
): { readonly end: RunEnd; readonly exitCode: number | null; readonly signal: string | null } {
  if (stoppedBy !== undefined) return { end: stoppedBy, exitCode: null, signal: 'SIGKILL' };
  const code = client.exitCode;
  if (killedForMemory) return { end: 'memory', exitCode: code, signal: 'SIGKILL' };
  if (code === null) return { end: 'signalled', exitCode: null, signal: client.signalCode };
  const signal = code > 128 ? SIGNAL_NAMES.get(code - 128) : undefined;
  if (signal !== undefined) return { end: 'signalled', exitCode: code, signal };
  return { end: 'exited', exitCode: code, signal: null };
}
