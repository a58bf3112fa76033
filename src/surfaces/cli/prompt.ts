import { createInterface } from 'node:readline';
import type { CliIo } from './io.ts';

/** Lines typed ahead that are kept; further input waits in the terminal. */
export const MAX_TYPED_AHEAD = 256;

interface AskOptions {
  /** Ends the question; the answer is then undefined. */
  readonly signal?: AbortSignal;
  /** Forget what was typed before the question was there: nobody consents to what they have not seen. */
  readonly fresh?: boolean;
}

/** Asks the person at the terminal one question at a time. */
export interface Prompter {
  /** The trimmed answer; undefined when the input ended or the signal fired. */
  ask(question: string, options?: AskOptions): Promise<string | undefined>;
  close(): void;
}

export interface PrompterHooks {
  /** Ctrl-C, which readline takes away from the process while it reads. */
  onInterrupt(): void;
  /** A line that came while nothing was asked; true when it was dealt with. */
  onLine?(line: string): boolean;
}

/** Questions go to stderr, so that stdout holds answers only. */
export function createPrompter(io: CliIo, hooks: PrompterHooks): Prompter {
  const reader = createInterface({ input: io.stdin, output: io.stderr, terminal: io.isTTY });
  const typed: string[] = [];
  let waiting: ((line: string | undefined) => void) | undefined;
  let ended = false;

  reader.on('SIGINT', () => hooks.onInterrupt());
  reader.on('line', (line) => {
    const asked = waiting;
    // Several lines can arrive at once; only the first answers the question.
    waiting = undefined;
    if (asked !== undefined) asked(line);
    else if (hooks.onLine?.(line.trim()) !== true) typed.push(line);
    if (typed.length >= MAX_TYPED_AHEAD) reader.pause();
  });
  reader.on('close', () => {
    ended = true;
    waiting?.(undefined);
  });

  async function ask(question: string, { signal, fresh }: AskOptions = {}): Promise<string | undefined> {
    if (fresh === true) typed.length = 0;
    const ahead = typed.shift();
    if (ahead !== undefined) return ahead.trim();
    if (ended || signal?.aborted === true) return undefined;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const stop = () => resolve(undefined);
    waiting = resolve;
    signal?.addEventListener('abort', stop, { once: true });
    reader.setPrompt(question);
    reader.prompt();
    try {
      return (await promise)?.trim();
    } finally {
      waiting = undefined;
      signal?.removeEventListener('abort', stop);
    }
  }

  return { ask, close: () => reader.close() };
}
