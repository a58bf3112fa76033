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

/** A backup, what opens it and what it must be signed with. */
export interface RestoreOrder {
  readonly file: string;
  /** File with the private key of age. */
  readonly identity: string;
  /** Public key of the install that made it; that of this home when absent. */
  readonly key?: string;
  /** A ledger that may be newer than the one in the backup; that of this home when absent. */
  readonly ledger?: string;
  /** Where to unpack for a look; the system's folder for temporary files when absent. */
  readonly workdir?: string;
  readonly maxBytes?: number;
  readonly reason?: string;
}

export interface VerifyBackupReport {
  readonly ok: true;
  readonly id: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly version: string;
  readonly node: string;
  /** Digest of the program's files. */
  readonly program: string;
  readonly snapshot: number;
  readonly files: number;
  readonly bytes: number;
  readonly records: number;
  readonly checkpoints: number;
  /** Records after the last signed checkpoint. */
  readonly unsigned: number;
  readonly heads: readonly { readonly writer: string; readonly seq: number; readonly hash: string }[];
}

export interface RehearsalReport extends VerifyBackupReport {
  readonly configuration: {
    readonly loads: true;
    /** With the environment of this command: the port and provider keys are part of what is compared. */
    readonly asRecorded: boolean;
    readonly asNow: boolean;
  };
  /** Files of the configuration that are different in the home now. */
  readonly differs: readonly string[];
  readonly ledgerNow: 'none' | 'continues' | 'other' | 'unreadable';
  readonly newerRecords: number;
  readonly milliseconds: number;
}

export interface RestoreReport {
  readonly id: string;
  readonly at: number;
  readonly home: string;
  /** Folder with everything that gave way. */
  readonly aside: string;
  /** `kept`: the ledger of the home goes on from the one in the backup and stayed. */
  readonly ledger: 'kept' | 'backup';
  readonly newerRecords: number;
  /** Credentials and grants that a ledger says were taken away; none of them is valid again. */
  readonly ended: number;
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
  /** Backups are opened by this process alone: the private key is never sent to a gateway. */
  readonly backups: {
    verify(order: RestoreOrder): Promise<VerifyBackupReport>;
    rehearse(order: RestoreOrder): Promise<RehearsalReport>;
    restore(order: RestoreOrder): Promise<RestoreReport>;
  };
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
