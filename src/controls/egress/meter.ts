import type { EgressLimits } from './types.ts';

/** What one run has used (E9). */
export class RunMeter {
  readonly #limits: EgressLimits;
  #requests = 0;
  #connections = 0;
  #bytes = 0;

  constructor(limits: EgressLimits) {
    this.#limits = limits;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Whether anything was sent or received. */
  get moved(): boolean {
    return this.#bytes > 0;
  }

  /** Count one request or tunnel, refused ones included. `last` is true for the first one past the limit. */
  request(): { readonly allowed: boolean; readonly first: boolean } {
    this.#requests += 1;
    const over = this.#requests - this.#limits.requestsPerRun;
    return { allowed: over <= 0, first: over === 1 };
  }

  /** Count one open connection; the returned function gives it back, once. */
  connect(): () => void {
    this.#connections += 1;
    let held = true;
    return () => {
      if (held) this.#connections -= 1;
      held = false;
    };
  }

  /** Count bytes in either direction; false when the run may not move any more. */
  move(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes <= this.#limits.bytesPerRun;
  }
}
