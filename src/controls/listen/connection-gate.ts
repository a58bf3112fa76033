import type { ListenLimits } from './limits.ts';

/** A connection as the gate knows it: something with an end. */
export interface GatedConnection {
  once(event: 'close', listener: () => void): unknown;
}

type GateLimits = Pick<ListenLimits, 'unauthenticatedPerAddress' | 'unauthenticatedTotal' | 'connections'>;

/**
 * Counts connections so that those who have not authenticated can crowd out each other only: per address, in
 * total, and never those who have (L5). A connection counts as unauthenticated until `authenticated` is called.
 */
export class ConnectionGate<Connection extends GatedConnection> {
  readonly #limits: GateLimits;
  readonly #waiting = new Map<Connection, string>();
  readonly #perAddress = new Map<string, number>();
  #open = 0;

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  /** Whether there is room for one more connection of this address; the caller closes it when there is not. */
  admit(connection: Connection, address: string): boolean {
    const near = this.#perAddress.get(address) ?? 0;
    if (
      this.#open >= this.#limits.connections ||
      this.#waiting.size >= this.#limits.unauthenticatedTotal ||
      near >= this.#limits.unauthenticatedPerAddress
    ) {
      return false;
    }
    this.#open += 1;
    this.#waiting.set(connection, address);
    this.#perAddress.set(address, near + 1);
    connection.once('close', () => {
      this.#open -= 1;
      this.authenticated(connection);
    });
    return true;
  }

  /** Someone proved who they are on this connection: it no longer counts against its address. */
  authenticated(connection: Connection): void {
    const address = this.#waiting.get(connection);
    if (address === undefined) return;
    this.#waiting.delete(connection);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  get unauthenticated(): number {
    return this.#waiting.size;
  }

  get open(): number {
    return this.#open;
  }
}
