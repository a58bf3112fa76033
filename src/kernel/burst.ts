/**
 * Counts what happens again and again, by who causes it, and says once per window that it has become too much. Bounded:
 * past the most keys, the one that began first is forgotten first.
 */
export class Burst {
  readonly #most: number;
  readonly #windowMs: number;
  readonly #keys: number;
  readonly #counts = new Map<string, { readonly since: number; count: number }>();

  constructor(most: number, windowMs: number, keys = 1_000) {
    this.#most = most;
    this.#windowMs = windowMs;
    this.#keys = keys;
  }

  /** Whether this is the one that makes it too much. `now` is monotonic, in milliseconds. */
  add(key: string, now: number): boolean {
    let known = this.#counts.get(key);
    if (known === undefined || now - known.since >= this.#windowMs) {
      this.#counts.delete(key);
      const [oldest] = this.#counts.keys();
      if (this.#counts.size >= this.#keys && oldest !== undefined) this.#counts.delete(oldest);
      known = { since: now, count: 0 };
      this.#counts.set(key, known);
    }
    known.count += 1;
    return known.count === this.#most;
  }
}
