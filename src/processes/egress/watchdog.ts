import { readFileSync } from 'node:fs';

/** Milliseconds between two looks at the gateway's process while it is not connected. */
const LOOK_MS = 250;
/** Milliseconds without a gateway after which egress ends when it does not know the gateway's process. */
const ORPHAN_MS = 5_000;

export interface WatchdogOptions {
  /** 0 when unknown. */
  readonly gatewayPid: number;
  readonly onOrphaned: () => void;
  readonly isAlive?: (pid: number) => boolean;
  readonly lookMs?: number;
  readonly orphanMs?: number;
}

/**
 * Ends egress when nobody needs it any more: the gateway is not connected and its process is gone. Nothing
 * runs while the gateway is connected.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #pid: number;
  #timer: NodeJS.Timeout | undefined;
  #lonelySince = 0;
  #stopped = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#pid = options.gatewayPid;
    this.connections(0);
  }

  /** Who connected says which process it is; that counts only while nothing better is known. */
  gateway(pid: number): void {
    if (this.#pid === 0) this.#pid = pid;
  }

  connections(count: number): void {
    clearTimeout(this.#timer);
    if (count > 0 || this.#stopped) return;
    this.#lonelySince = performance.now();
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #look(): void {
    const { onOrphaned, isAlive = processExists, lookMs = LOOK_MS, orphanMs = ORPHAN_MS } = this.#options;
    this.#timer = setTimeout(() => {
      const gone = this.#pid === 0 ? performance.now() - this.#lonelySince >= orphanMs : !isAlive(this.#pid);
      if (gone) onOrphaned();
      else this.#look();
    }, lookMs);
  }
}

/** A process that ended counts as gone although nobody has collected it, as in a container without an init. */
function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
  return !isZombie(pid);
}

/** proc_pid_stat(5): the state is the first field after the name, which may hold anything in its brackets. */
function isZombie(pid: number): boolean {
  try {
    return /\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
