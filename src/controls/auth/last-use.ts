import type { SetTimer } from './timer.ts';

/** Milliseconds that uses are gathered before they are written. */
export const USE_FLUSH_MS = 5_000;

export interface Use {
  /** Unix milliseconds. */
  readonly at: number;
  readonly from: string;
}

/** Gathers when each credential was last used, so that a request costs no write. */
export class LastUse {
  readonly #pending = new Map<string, Use>();
  readonly #setTimer: SetTimer;
  readonly #write: (uses: readonly (readonly [id: string, use: Use])[]) => Promise<void>;
  readonly #onLost: (cause: unknown) => void;
  #cancel: (() => void) | undefined;

  constructor(
    setTimer: SetTimer,
    write: (uses: readonly (readonly [id: string, use: Use])[]) => Promise<void>,
    onLost: (cause: unknown) => void,
  ) {
    this.#setTimer = setTimer;
    this.#write = write;
    this.#onLost = onLost;
  }

  note(id: string, use: Use): void {
    this.#pending.set(id, use);
    this.#cancel ??= this.#setTimer(USE_FLUSH_MS, () => void this.flush());
  }

  get(id: string): Use | undefined {
    return this.#pending.get(id);
  }

  /** Write what was gathered. A use that cannot be written is reported and forgotten: it grants nothing. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    const uses = [...this.#pending];
    this.#pending.clear();
    if (uses.length > 0) await this.#write(uses).catch(this.#onLost);
  }
}
