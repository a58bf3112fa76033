/** Who waits per address, and which address has most of them: each question in constant time, in a flood too. */
export class Crowd<Connection> {
  /** Per address, in the order in which they came. */
  readonly #from = new Map<string, Set<Connection>>();
  readonly #addressOf = new Map<Connection, string>();
  /** Addresses by how many of theirs wait. */
  readonly #levels = new Map<number, Set<string>>();
  #most = 0;

  get size(): number {
    return this.#addressOf.size;
  }

  has(connection: Connection): boolean {
    return this.#addressOf.has(connection);
  }

  countOf(address: string): number {
    return this.#from.get(address)?.size ?? 0;
  }

  add(connection: Connection, address: string): void {
    const near = this.#from.get(address) ?? new Set();
    this.#from.set(address, near);
    this.#addressOf.set(connection, address);
    near.add(connection);
    this.#move(address, near.size - 1, near.size);
  }

  delete(connection: Connection): void {
    const address = this.#addressOf.get(connection);
    const near = address === undefined ? undefined : this.#from.get(address);
    if (address === undefined || near === undefined) return;
    this.#addressOf.delete(connection);
    near.delete(connection);
    if (near.size === 0) this.#from.delete(address);
    this.#move(address, near.size + 1, near.size);
  }

  /** Who of this address has waited longest. */
  oldestOf(address: string): Connection | undefined {
    return this.#from.get(address)?.values().next().value;
  }

  /** The address with most; among equals the one that has been there longest. */
  mostCrowded(): string | undefined {
    return this.#levels.get(this.#most)?.values().next().value;
  }

  #move(address: string, before: number, after: number): void {
    const old = this.#levels.get(before);
    old?.delete(address);
    if (old?.size === 0) this.#levels.delete(before);
    if (after > 0) this.#levels.set(after, (this.#levels.get(after) ?? new Set()).add(address));
    this.#most = Math.max(this.#most, after);
    while (this.#most > 0 && !this.#levels.has(this.#most)) this.#most -= 1;
  }
}
