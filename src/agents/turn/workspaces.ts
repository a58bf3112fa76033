/** `alone`: nothing else runs on the folder meanwhile. */
type Mode = 'shared' | 'alone';

interface Waiter {
  readonly mode: Mode;
  start(): void;
}

interface Folder {
  shared: number;
  alone: boolean;
  readonly queue: Waiter[];
}

/**
 * Who runs on which folder of the host. A run that is bound to the content of files goes alone: another run on
 * the same folder could see that they are being read and swap them before the command starts (attack 73).
 * Everybody waits in order, so that a row of short runs cannot keep such a run out.
 */
export class Workspaces {
  readonly #folders = new Map<string, Folder>();

  /** Resolves to what gives the folders back; rejects with the signal's reason. */
  async enter(paths: readonly string[], mode: Mode, signal: AbortSignal): Promise<() => void> {
    const held: string[] = [];
    const leave = (): void => {
      for (const path of held.splice(0)) this.#leave(path, mode);
    };
    try {
      // In one order everywhere, so that two runs never wait for each other.
      for (const path of [...new Set(paths)].sort()) {
        await this.#enter(path, mode, signal);
        held.push(path);
      }
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }

  async #enter(path: string, mode: Mode, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const folder = this.#folders.get(path) ?? { shared: 0, alone: false, queue: [] };
    this.#folders.set(path, folder);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { mode, start: resolve };
    const onAbort = (): void => {
      const at = folder.queue.indexOf(waiter);
      if (at < 0) return;
      folder.queue.splice(at, 1);
      this.#admit(path, folder);
      reject(signal.reason);
    };
    folder.queue.push(waiter);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.#admit(path, folder);
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #leave(path: string, mode: Mode): void {
    const folder = this.#folders.get(path);
    if (folder === undefined) return;
    if (mode === 'alone') folder.alone = false;
    else folder.shared -= 1;
    this.#admit(path, folder);
  }

  #admit(path: string, folder: Folder): void {
    for (let next = folder.queue[0]; next !== undefined; next = folder.queue[0]) {
      if (folder.alone || (next.mode === 'alone' && folder.shared > 0)) return;
      if (next.mode === 'alone') folder.alone = true;
      else folder.shared += 1;
      folder.queue.shift();
      next.start();
    }
    if (folder.shared === 0 && !folder.alone) this.#folders.delete(path);
  }
}
