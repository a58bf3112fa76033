import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants, openSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { O_PATH } from '../sandbox/mounts.ts';

/** One for output, one for errors. */
const PIPES_PER_RUN = 2;

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

/** A pipe between the gateway and a run: a stream here, a descriptor for the run. */
export interface RunPipe {
  readonly stream: Socket;
  readonly childFd: number;
}

/**
 * What runs write, as real pipes. Node itself connects children with sockets, and a program that opens
 * /dev/stdout or /dev/stderr by name cannot open a socket (ENXIO).
 *
 * Node cannot make a pipe, so `mkfifo` makes some and their names are removed at once. They are used again: a
 * run's pipes are free when all its processes are dead, and the kernel forgets what was left in them.
 */
export class PipePool {
  readonly #mkfifo: string;
  readonly #dir: string;
  readonly #free: number[] = [];

  constructor(mkfifo: string, dir: string) {
    this.#mkfifo = mkfifo;
    this.#dir = dir;
  }

  /** Borrow the two that a run writes to; give them back with `release`. Throws SANDBOX_START_FAILED. */
  async take(): Promise<readonly number[]> {
    const taken = this.#free.splice(0, PIPES_PER_RUN);
    const missing = PIPES_PER_RUN - taken.length;
    return missing === 0 ? taken : [...taken, ...(await this.#make(missing))];
  }

  release(pipes: readonly number[]): void {
    this.#free.push(...pipes);
  }

  async #make(count: number): Promise<readonly number[]> {
    const names = Array.from({ length: count }, () => join(this.#dir, `pipe-${randomUUID()}`));
    try {
      await promisify(execFile)(this.#mkfifo, ['-m', '600', '--', ...names], { env: {} });
      return names.map((name) => openSync(name, O_PATH));
    } catch (cause) {
      throw SANDBOX_CODES.error('SANDBOX_START_FAILED', 'the pipes of the run could not be made', { cause });
    } finally {
      for (const name of names) rmSync(name, { force: true });
    }
  }
}

/** Both ends of what the run writes. The caller closes `childFd` once the run has it. */
export function pipeFromRun(pipe: number): RunPipe {
  const name = `/proc/self/fd/${pipe}`;
  const here = openSync(name, O_RDONLY | O_NONBLOCK);
  const stream = new Socket({ fd: here, readable: true, writable: false });
  return { stream, childFd: openSync(name, O_WRONLY) };
}

/**
 * Standard input as a file without a name that can only be read. A named pipe would not do: opened again as
 * /dev/stdin after everything was written, it waits for a writer for ever. The caller closes it.
 */
export async function inputFile(dir: string, bytes: Uint8Array): Promise<number> {
  const name = join(dir, `input-${randomUUID()}`);
  try {
    await writeFile(name, bytes, { flag: 'wx', mode: 0o400 });
    return openSync(name, O_RDONLY);
  } finally {
    rmSync(name, { force: true });
  }
}
