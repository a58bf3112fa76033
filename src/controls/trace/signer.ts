import type { DatabaseSync } from 'node:sqlite';
import type { Clock, Logger } from '../../kernel/index.ts';
import { extendAnchor } from './anchor.ts';
import { checkpointPayload, nextCheckpoint, storeCheckpoint } from './checkpoint.ts';
import { LEDGER_CODES } from './codes.ts';

/** Own records after which the ledger is signed at once. */
export const CHECKPOINT_RECORDS = 1000;
/** Milliseconds after the first unsigned record at which it is signed in any case, and between retries. */
export const CHECKPOINT_DELAY_MS = 60_000;
/** Milliseconds that stopping waits for the last signature. */
export const LAST_CHECKPOINT_MS = 3_000;
/** How often a checkpoint is made anew because another process stored one in the meantime. */
const MAX_RACES = 5;

/** Signs with the install's Ed25519 key, which lives in the egress process. */
export type Sign = (bytes: Uint8Array) => Promise<{ readonly keyId: string; readonly signature: string }>;

/** Run a task once after some milliseconds, without keeping the process alive; returns how to cancel it. */
export type Schedule = (milliseconds: number, task: () => void) => () => void;

export interface SignerOptions {
  readonly raw: DatabaseSync;
  readonly clock: Pick<Clock, 'now'>;
  readonly sign: Sign;
  readonly anchorFile?: string;
  /** Called when a checkpoint is stored; never throws. */
  readonly onStored?: () => Promise<void>;
  readonly schedule: Schedule;
  readonly logger?: Logger;
  /** How often to sign, read anew each time so that a reload counts; the constants above when absent. */
  readonly pace?: () => CheckpointPace;
}

/** Own records after which, and milliseconds after the first of them at which, the ledger is signed. */
export interface CheckpointPace {
  readonly records: number;
  readonly delayMs: number;
}

const DEFAULT_PACE: CheckpointPace = { records: CHECKPOINT_RECORDS, delayMs: CHECKPOINT_DELAY_MS };

/** Signs the ends of all chains now and then. Nothing runs while there is nothing unsigned. */
export class Signer {
  readonly #options: SignerOptions;
  #unsigned = 0;
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #failing = false;
  #closed = false;

  constructor(options: SignerOptions) {
    this.#options = options;
    // What a killed process left unsigned is signed by the next one.
    if (nextCheckpoint(options.raw, 0) !== undefined) this.#startTimer();
  }

  #pace(): CheckpointPace {
    return this.#options.pace?.() ?? DEFAULT_PACE;
  }

  /** So many records were added. */
  added(count: number): void {
    this.#unsigned += count;
    // While the key is out of reach only the timer tries again: a call per record would be a flood.
    const due = this.#unsigned >= this.#pace().records && !this.#failing && this.#running === undefined;
    if (due) this.#inBackground();
    else this.#startTimer();
  }

  /** Sign now; waits for one that is under way. Throws LEDGER_CHECKPOINT_FAILED. */
  async checkpoint(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => {});
    this.#stopTimer();
    this.#running = this.#signAndStore();
    try {
      await this.#running;
      this.#failing = false;
    } catch (cause) {
      this.#failing = true;
      throw LEDGER_CODES.error('LEDGER_CHECKPOINT_FAILED', undefined, { cause });
    } finally {
      this.#running = undefined;
      if (this.#failing || this.#unsigned > 0) this.#startTimer();
    }
  }

  /** A last checkpoint; when the key is out of reach or does not answer, the next start makes it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTimer();
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.schedule(LAST_CHECKPOINT_MS, late.resolve);
    const last = this.checkpoint().catch((error: unknown) => this.#warn(error));
    await Promise.race([last, late.promise]);
    cancel();
  }

  async #signAndStore(): Promise<void> {
    const { raw, anchorFile } = this.#options;
    const covered = this.#unsigned;
    for (let races = 0; !(await this.#signHeads()); races++) {
      if (races === MAX_RACES) throw new Error('other processes were faster each time');
    }
    this.#unsigned -= covered;
    if (anchorFile !== undefined) await extendAnchor(anchorFile, raw);
    await this.#options.onStored?.();
  }

  /** Whether everything that was written before the call is now under a signature. */
  async #signHeads(): Promise<boolean> {
    const { raw, sign, clock } = this.#options;
    const next = nextCheckpoint(raw, clock.now());
    if (next === undefined) return true;
    const payload = checkpointPayload(next);
    const { keyId, signature } = await sign(Buffer.from(payload));
    return storeCheckpoint(raw, next.id, { payload, keyId, signature });
  }

  #inBackground(): void {
    this.checkpoint().catch((error: unknown) => this.#warn(error));
  }

  #startTimer(): void {
    if (this.#closed || this.#cancelTimer !== undefined) return;
    this.#cancelTimer = this.#options.schedule(this.#pace().delayMs, () => {
      this.#cancelTimer = undefined;
      this.#inBackground();
    });
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #warn(error: unknown): void {
    const { cause } = error as { cause?: { code?: unknown; message?: unknown } };
    this.#options.logger?.warn('the ledger could not be signed', {
      code: 'LEDGER_CHECKPOINT_FAILED',
      cause: String(cause?.code ?? cause?.message ?? 'unknown'),
    });
  }
}
