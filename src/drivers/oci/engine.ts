import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import type { EngineName } from './options.ts';

/** How long the engine may take for anything but a run. */
const CALL_MS = 60_000;
/** How long a container may resist being removed, and the first pause before another try. */
const REMOVE_MS = 15_000;
const FIRST_PAUSE_MS = 50;
/** Bytes of one answer of the engine. */
const ANSWER_BYTES = 4 * 1024 * 1024;

export interface Answer {
  readonly ok: boolean;
  readonly out: string;
  readonly err: string;
}

/** The engine's own command line, with an environment that holds nothing but where the engine is. */
export class Engine {
  readonly name: EngineName;
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;

  constructor(name: EngineName, program: string, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.program = program;
    this.env = env;
  }

  /** Never rejects: an engine that fails, hangs or is missing is an answer that is not `ok`. */
  ask(args: readonly string[], timeoutMs: number = CALL_MS): Promise<Answer> {
    return new Promise((resolve) => {
      const options = {
        env: { ...this.env },
        timeout: timeoutMs,
        maxBuffer: ANSWER_BYTES,
        killSignal: 'SIGKILL',
        encoding: 'utf8',
        cwd: '/',
      } as const;
      execFile(this.program, args, options, (error, out, err) => {
        resolve({ ok: error === null, out, err: err === '' && error !== null ? error.message : err });
      });
    });
  }

  /** Start `run`: standard input is empty, output is the engine's own, not that of the run. */
  start(args: readonly string[]): ChildProcess {
    return spawn(this.program, args, { env: { ...this.env }, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  }

  /** Kill what is in a container and take it away, which an engine under load may refuse at first. */
  async remove(container: string): Promise<void> {
    const now = this.name === 'podman' ? ['--time', '0'] : [];
    const deadline = performance.now() + REMOVE_MS;
    for (let pause = FIRST_PAUSE_MS; ; pause *= 2) {
      const answer = await this.ask(['rm', '--force', '--volumes', ...now, container]);
      if (answer.ok || /no such container/i.test(answer.err)) return;
      if (performance.now() > deadline)
        throw SANDBOX_CODES.error('SANDBOX_CLEANUP_FAILED', 'the container of a run could not be removed', {
          cause: new Error(answer.err),
        });
      await delay(pause);
    }
  }
}
