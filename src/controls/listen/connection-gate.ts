import type { ListenLimits } from './limits.ts';

/** A connection as the gate knows it: something with an end. */
export interface GatedConnection {
  once(event: 'close', listener: () => void): unknown;
  destroy(): unknown;
}

type GateLimits = Pick<ListenLimits, 'unauthenticatedPerAddress' | 'unauthenticatedTotal' | 'connections'>;

/**
 * Counts connections so that those who have not authenticated can crowd out each other only: per address, in
 * total, and never those who have (L5). Where there is no room, the stranger that waited longest has to go: all
 * programs of a machine share the loopback address, and whoever holds a credential shows it with the first request,
 * while whoever only holds connections open would otherwise keep everybody out (attack 91).
 */
export class ConnectionGate<Connection extends GatedConnection> {
  readonly #limits: GateLimits;
  /** In the order in which they came. */
  readonly #waiting = new Map<Connection, string>();
  readonly #perAddress = new Map<string, number>();
  readonly #open = new Set<Connection>();

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  /** Whether there is room for one more connection of this address; the caller closes it when there is not. */
  admit(connection: Connection, address: string): boolean {
    const near = this.#perAddress.get(address) ?? 0;
    if (near >= this.#limits.unauthenticatedPerAddress) this.#evict(address);
    if (this.#waiting.size >= this.#limits.unauthenticatedTotal) this.#evict(this.#mostCrowded());
    if (this.#open.size >= this.#limits.connections) this.#evict(this.#mostCrowded());
    if (this.#open.size >= this.#limits.connections) return false;
    this.#open.add(connection);
    this.#waiting.set(connection, address);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    connection.once('close', () => {
      this.#open.delete(connection);
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
    return this.#open.size;
  }

  /** Close the connection of this address that has waited longest. */
  #evict(address: string | undefined): void {
    for (const [connection, from] of this.#waiting) {
      if (from !== address) continue;
      this.authenticated(connection);
      this.#open.delete(connection);
      connection.destroy();
      return;
    }
  }

  /** The address with most strangers: it pays first, so that one address cannot push out the others. */
  #mostCrowded(): string | undefined {
    let most = 0;
    let found: string | undefined;
    for (const [address, count] of this.#perAddress) {
      if (count > most) [most, found] = [count, address];
    }
    return found;
  }
}
