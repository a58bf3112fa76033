import type { Readable, Writable } from 'node:stream';
import type { ConfigPaths } from '../../configuration/types.ts';
import type { Caller, Dispatcher } from '../../operations/define.ts';
import type { PostureLine } from '../../operations/services.ts';

/** Everything the CLI touches of the outside, so that tests run it without a terminal. */
export interface CliIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdin: Readable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a person sits at stdin and reads stdout. */
  readonly isTTY: boolean;
  /** Columns of that terminal. */
  readonly columns?: number | undefined;
  /** Register what Ctrl-C does; returns the way to take it back. */
  onInterrupt(listener: () => void): () => void;
}

/** A dispatcher on the home in this very process, for commands that need no gateway. */
export interface LocalGateway {
  readonly dispatcher: Dispatcher;
  readonly caller: Caller;
  close(): Promise<void>;
}

/** What a detached gateway reports once it is ready. */
export interface StartReport {
  readonly pid: number;
  /** Where it listens, for people: `127.0.0.1:18789`. */
  readonly address: string;
  readonly posture: readonly PostureLine[];
  /** The first operator token, once, when this start made it. */
  readonly token?: string;
}

/** What the composition root gives to the CLI. */
export interface CliParts {
  readonly version: string;
  /** What this person types to start this program, for hints: `gatehouse`, or a path in a checkout. */
  readonly command: string;
  /** `run/gateway.sock` of the home. */
  readonly socketPath: string;
  /** The home that this command is about; nothing is created. */
  readonly paths: ConfigPaths;
  openLocal(): Promise<LocalGateway>;
  readonly processes: {
    /** Run the gateway in the foreground; resolves with the exit code when it has ended. */
    run(): Promise<number>;
    /** Start it detached and wait until it is ready. */
    start(): Promise<StartReport>;
  };
}

/** The terminal and environment of this process. */
export function processIo(): CliIo {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    isTTY: process.stdin.isTTY === true && process.stdout.isTTY === true,
    columns: process.stdout.columns,
    onInterrupt(listener) {
      process.on('SIGINT', listener);
      return () => process.off('SIGINT', listener);
    },
  };
}
