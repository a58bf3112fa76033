import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type OpenedMasks, SECRETS_CODES, type Settled } from '../../controls/secrets/index.ts';
import type { Logger, Mount } from '../../kernel/index.ts';
import type { Program } from '../program.ts';
import type { MaskerMessage, MaskerRequest } from './protocol.ts';

/** Milliseconds for one answer: a first look through a large workspace takes seconds. */
const ANSWER_MS = 120_000;

/** Everything that the masker knows of the environment. */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'GATEHOUSE_HOME', 'GATEHOUSE_SOURCES', 'TMPDIR'];

export interface MaskerClient {
  /** Throws SECRETS_MASKER_FAILED and what the masker refuses with: no answer means no run. */
  open(
    run: string,
    mounts: readonly Mount[],
    how: { readonly wayOut: boolean; readonly exchange: boolean },
  ): Promise<OpenedMasks>;
  close(run: string): Promise<readonly Settled[]>;
  /** Write back what a killed gateway left; starts nothing when there is nothing. */
  recover(): Promise<readonly Settled[]>;
  onReplaced(listener: (runs: readonly string[]) => void): void;
  stop(): void;
}

export interface MaskerClientOptions {
  readonly program: Program;
  readonly state: string;
  readonly logger: Logger;
}

type Body<T> = T extends unknown ? Omit<T, 'id'> : never;
type Answer = Extract<MaskerMessage, { readonly id: number }>;

interface Waiting {
  resolve(message: Answer): void;
  reject(error: Error): void;
}

/** Starts the masker at the first run, and again when it has ended. */
export function createMaskerClient({ program, state, logger }: MaskerClientOptions): MaskerClient {
  const listeners: ((runs: readonly string[]) => void)[] = [];
  const waiting = new Map<number, Waiting>();
  let child: ChildProcess | undefined;
  let last = 0;

  const lost = (cause: unknown): void => {
    child = undefined;
    const error = SECRETS_CODES.error('SECRETS_MASKER_FAILED', undefined, { cause });
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };

  const started = (): ChildProcess => {
    if (child !== undefined) return child;
    const env = Object.fromEntries(PASSED_ON.flatMap((name) => [[name, process.env[name]] as const]));
    const made = spawn(process.execPath, ['--disable-sigusr1', program.entry, '__process', 'masker'], {
      env,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    made.stderr?.on('data', (bytes: Buffer) =>
      logger.error('the masker said', { text: bytes.toString('utf8').slice(0, 500) }),
    );
    made.on('message', (message: MaskerMessage) => {
      if ('replaced' in message) {
        for (const listener of listeners) listener(message.replaced);
        return;
      }
      const { resolve } = waiting.get(message.id) ?? {};
      waiting.delete(message.id);
      resolve?.(message);
    });
    made.once('error', lost);
    made.once('exit', (code, signal) => {
      if (child === made) lost(new Error(`the masker ended with ${code ?? signal}`));
    });
    made.unref();
    made.channel?.unref();
    child = made;
    return made;
  };

  const ask = async (body: Body<MaskerRequest>): Promise<Answer> => {
    last += 1;
    const id = last;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    waiting.set(id, { resolve, reject });
    const target = started();
    // Only while something is asked does it keep this process alive.
    target.channel?.ref();
    const timer = setTimeout(() => target.kill('SIGKILL'), ANSWER_MS);
    try {
      target.send({ id, ...body }, (error) => error !== null && reject(error));
      const answer = await promise;
      if ('code' in answer) {
        const known =
          answer.code in SECRETS_CODES.table ? (answer.code as keyof typeof SECRETS_CODES.table) : undefined;
        throw SECRETS_CODES.error(
          known ?? 'SECRETS_MASKER_FAILED',
          known === undefined ? undefined : answer.message,
          {
            cause: new Error(answer.message),
          },
        );
      }
      return answer;
    } finally {
      clearTimeout(timer);
      waiting.delete(id);
      if (waiting.size === 0) target.channel?.unref();
    }
  };

  const settledOf = (answer: Answer): readonly Settled[] => ('settled' in answer ? answer.settled : []);

  return {
    async open(run, mounts, how) {
      const answer = await ask({ op: 'open', run, mounts, ...how });
      if (!('opened' in answer)) throw SECRETS_CODES.error('SECRETS_MASKER_FAILED');
      return answer.opened;
    },
    close: async (run) => settledOf(await ask({ op: 'close', run })),
    async recover() {
      const folder = join(state, 'masks');
      const left = existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.json'));
      return left ? settledOf(await ask({ op: 'recover' })) : [];
    },
    onReplaced: (listener) => void listeners.push(listener),
    stop() {
      child?.disconnect();
      child = undefined;
    },
  };
}
