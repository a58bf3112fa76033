import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Logger } from '../../kernel/index.ts';
import type {
  ExchangeAnswer,
  ListenAnswer,
  ProbeRequest,
  ProbeRules,
  ProbeSays,
  ProbeTarget,
  UpgradeAnswer,
} from './protocol.ts';

export interface ProberOptions {
  readonly nodePath: string;
  /** Arguments of Node that start the prober. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly rules: ProbeRules;
  readonly logger: Logger;
}

/** A WebSocket that the prober holds. */
export interface ProbedSocket {
  readonly upgraded: boolean;
  /** What was answered instead of the upgrade, as latin1 text. */
  readonly bytes: string;
  send(text: string): void;
  next(ms: number): Promise<string | undefined>;
  ended(ms: number): Promise<number | undefined>;
  close(): void;
}

/** The gateway dials nobody: attempts on its own listeners are made by this short-lived process. */
export interface Prober extends AsyncDisposable {
  readonly pid: number;
  exchange(request: Omit<Extract<ProbeRequest, { op: 'exchange' }>, 'op'>): Promise<ExchangeAnswer>;
  socket(
    target: Extract<ProbeTarget, { readonly address: string }>,
    headers: readonly (readonly [name: string, value: string])[],
    ms: number,
  ): Promise<ProbedSocket>;
  /** Listen on a free port of this address, which nothing declares. */
  listen(address: string): Promise<{ readonly port: number; close(): Promise<void> }>;
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(cause: Error): void;
}

interface Handle {
  readonly frames: string[];
  closed: number | undefined;
  readonly wake: Set<() => void>;
}

/** Start a prober. It ends when it is disposed, when its input closes, or after ten minutes. */
export function startProber(options: ProberOptions): Prober {
  return new ChildProber(options);
}

class ChildProber implements Prober {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, Waiting>();
  readonly #handles = new Map<number, Handle>();
  readonly #gone: Promise<void>;
  #next = 1;

  constructor({ nodePath, argv, env, rules, logger }: ProberOptions) {
    const child = spawn(nodePath, [...argv], { env: { ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdin.on('error', () => undefined);
    child.stderr.on('data', (chunk: Buffer) =>
      logger.warn('the prober says', { text: chunk.toString().slice(0, 2_000) }),
    );
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(JSON.parse(line) as ProbeSays));
    this.#gone = new Promise((resolve) => {
      const end = (cause: Error) => {
        for (const { reject } of this.#waiting.values()) reject(cause);
        this.#waiting.clear();
        for (const handle of this.#handles.values()) close(handle, 1006);
        resolve();
      };
      child.once('error', end);
      child.once('close', () => end(new Error('the prober has ended')));
    });
    child.stdin.write(`${JSON.stringify(rules)}\n`);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  exchange(request: Omit<Extract<ProbeRequest, { op: 'exchange' }>, 'op'>): Promise<ExchangeAnswer> {
    return this.#ask({ op: 'exchange', ...request }) as Promise<ExchangeAnswer>;
  }

  async socket(
    target: Extract<ProbeTarget, { readonly address: string }>,
    headers: readonly (readonly [name: string, value: string])[],
    ms: number,
  ): Promise<ProbedSocket> {
    const id = this.#next++;
    const handle: Handle = { frames: [], closed: undefined, wake: new Set() };
    this.#handles.set(id, handle);
    const { upgraded, bytes } = (await this.#ask({
      op: 'ws.open',
      handle: id,
      target,
      headers,
      ms,
    })) as UpgradeAnswer;
    return {
      upgraded,
      bytes,
      send: (text) => void this.#ask({ op: 'ws.send', handle: id, text }).catch(() => undefined),
      async next(wait) {
        await until(handle, () => handle.frames.length > 0 || handle.closed !== undefined, wait);
        return handle.frames.shift();
      },
      async ended(wait) {
        await until(handle, () => handle.closed !== undefined, wait);
        return handle.closed;
      },
      close: () => {
        this.#handles.delete(id);
        void this.#ask({ op: 'ws.close', handle: id }).catch(() => undefined);
      },
    };
  }

  async listen(address: string) {
    const handle = this.#next++;
    const { port } = (await this.#ask({ op: 'listen', handle, address })) as ListenAnswer;
    return { port, close: async () => void (await this.#ask({ op: 'unlisten', handle })) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 1_000);
    await this.#gone;
    clearTimeout(timer);
  }

  #ask(request: ProbeRequest): Promise<unknown> {
    const id = this.#next++;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      return Promise.reject(new Error('the prober has ended'));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    });
  }

  #hear(says: ProbeSays): void {
    if ('id' in says) {
      const waiting = this.#waiting.get(says.id);
      this.#waiting.delete(says.id);
      if (says.ok) waiting?.resolve(says.answer);
      else waiting?.reject(new Error(says.error));
      return;
    }
    const handle = this.#handles.get(says.handle);
    if (handle === undefined) return;
    if ('frame' in says) handle.frames.push(says.frame);
    else close(handle, says.closed);
    for (const wake of handle.wake) wake();
  }
}

function close(handle: Handle, code: number): void {
  handle.closed ??= code;
  for (const wake of handle.wake) wake();
}

function until(handle: Handle, holds: () => boolean, ms: number): Promise<void> {
  if (holds()) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (!holds()) return;
      done();
    };
    const done = () => {
      clearTimeout(timer);
      handle.wake.delete(look);
      resolve();
    };
    const timer = setTimeout(done, ms);
    handle.wake.add(look);
  });
}
