import type { ListenLimits } from './limits.ts';

/**
 * Bytes of requests that are still arriving, over all connections: a large body or frame that never ends costs
 * memory until it is complete, so what one principal, and everybody together, may have under way is bounded
 * (attack 92). Small ones are not counted: they must get through beside the large ones of others.
 */
export class Receiving {
  readonly #limits: Pick<ListenLimits, 'receivingBytes' | 'receivingBytesPerPrincipal'>;
  readonly #of = new Map<string, number>();
  #total = 0;

  constructor(limits: Pick<ListenLimits, 'receivingBytes' | 'receivingBytesPerPrincipal'>) {
    this.#limits = limits;
  }

  /** Bytes under way. */
  get total(): number {
    return this.#total;
  }

  /** One body or frame of this principal. */
  open(principal: string): Incoming {
    let taken = 0;
    return {
      add: (bytes) => {
        const before = Math.max(0, taken - FREE_BYTES);
        taken += bytes;
        const more = Math.max(0, taken - FREE_BYTES) - before;
        const own = (this.#of.get(principal) ?? 0) + more;
        if (more > 0) this.#of.set(principal, own);
        this.#total += more;
        return (
          more === 0 ||
          (own <= this.#limits.receivingBytesPerPrincipal && this.#total <= this.#limits.receivingBytes)
        );
      },
      done: () => {
        const held = Math.max(0, taken - FREE_BYTES);
        taken = 0;
        this.#total -= held;
        const left = (this.#of.get(principal) ?? 0) - held;
        if (left > 0) this.#of.set(principal, left);
        else this.#of.delete(principal);
      },
    };
  }
}

export interface Incoming {
  /** @returns false when these bytes are more than may be under way; the caller ends what they belong to */
  add(bytes: number): boolean;
  /** Complete, refused or gone; may be called again and used for the next frame. */
  done(): void;
}

/** The first bytes of each body or frame, which are never refused. */
export const FREE_BYTES = 64 * 1024;
