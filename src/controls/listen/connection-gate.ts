import { Crowd } from './crowd.ts';
import type { ListenLimits } from './limits.ts';

/** A connection as the gate knows it: something with an end. */
export interface GatedConnection {
  once(event: 'close', listener: () => void): unknown;
  destroy(): unknown;
}

export type GateLimits = Pick<
  ListenLimits,
  'unauthenticatedPerAddress' | 'unauthenticatedTotal' | 'connections' | 'connectionsPerPrincipal'
>;

/**
 * Counts connections so that those who have not authenticated can crowd out each other only: per address, in
 * total, and never those who have (L5). Where there is no room, the stranger that waited longest has to go: all
 * programs of a machine share the loopback address, and whoever holds a credential shows it with the first request,
 * while whoever only holds connections open would otherwise keep everybody out (attack 91). Whoever has
 * authenticated can hold a share and no more, so that one token cannot take every place (attack 93).
 */
export class ConnectionGate<Connection extends GatedConnection> {
  readonly #limits: () => GateLimits;
  readonly #waiting = new Crowd<Connection>();
  readonly #known = new Crowd<Connection>();
  readonly #open = new Set<Connection>();

  /** @param limits read at every connection, so that a reload counts at once */
  constructor(limits: GateLimits | (() => GateLimits)) {
    this.#limits = typeof limits === 'function' ? limits : () => limits;
  }

  /** Whether there is room for one more connection of this address; the caller closes it when there is not. */
  admit(connection: Connection, address: string): boolean {
    const limits = this.#limits();
    if (this.#waiting.countOf(address) >= limits.unauthenticatedPerAddress) this.#evict(address);
    if (this.#waiting.size >= limits.unauthenticatedTotal) this.#evict(this.#waiting.mostCrowded());
    if (this.#open.size >= limits.connections) this.#evict(this.#waiting.mostCrowded());
    if (this.#open.size >= limits.connections) return false;
    this.#open.add(connection);
    this.#waiting.add(connection, address);
    connection.once('close', () => {
      this.#open.delete(connection);
      this.#waiting.delete(connection);
      this.#known.delete(connection);
    });
    return true;
  }

  /**
   * Someone proved who they are on this connection: it no longer counts against its address.
   *
   * @returns false when this principal holds as many as it may; the connection then stays a stranger's
   */
  authenticated(connection: Connection, principal: string): boolean {
    // What was never admitted, or has ended, holds no place.
    if (!this.#open.has(connection) || this.#known.has(connection)) return true;
    if (this.#known.countOf(principal) >= this.#limits().connectionsPerPrincipal) return false;
    this.#waiting.delete(connection);
    this.#known.add(connection, principal);
    return true;
  }

  get unauthenticated(): number {
    return this.#waiting.size;
  }

  get open(): number {
    return this.#open.size;
  }

  /** Close the connection of this address that has waited longest: the most crowded pays first. */
  #evict(address: string | undefined): void {
    const oldest = address === undefined ? undefined : this.#waiting.oldestOf(address);
    if (oldest === undefined) return;
    this.#waiting.delete(oldest);
    this.#open.delete(oldest);
    oldest.destroy();
  }
}
