import { createHash } from 'node:crypto';
import type { Plan } from './arguments.ts';
import type { Container } from './container.ts';

interface Idle {
  readonly container: Container;
  readonly timer: NodeJS.Timeout;
}

/**
 * Started containers that wait for a run of the very same plan: scope, mounts, limits, image. One is kept after a
 * run of that plan, because the next call of a turn usually has the same; it is used once or thrown away. A
 * container never goes to another scope.
 */
export class Pool {
  readonly #most: number;
  readonly #idleMs: number;
  readonly #idle = new Map<string, Idle>();

  constructor(most: number, idleMs: number) {
    this.#most = most;
    this.#idleMs = idleMs;
  }

  static keyOf(plan: Plan, image: string): string {
    const { wallMs: _own, ...limits } = plan.limits;
    return createHash('sha256')
      .update(JSON.stringify({ ...plan, limits, image }))
      .digest('hex');
  }

  /** One that is ready, or undefined. */
  take(key: string, wallMs: number): Container | undefined {
    const found = this.#idle.get(key);
    if (found === undefined) return undefined;
    this.#forget(key, found);
    const { container } = found;
    if (container.alive && container.plan.limits.wallMs >= wallMs) return container;
    discard(container);
    return undefined;
  }

  /** Remove every one that waits; resolves when they are gone, or could not be removed. */
  async close(): Promise<void> {
    const all = [...this.#idle];
    for (const [key, idle] of all) this.#forget(key, idle);
    await Promise.all(all.map(([, { container }]) => container.discard().catch(() => undefined)));
  }

  has(key: string): boolean {
    return this.#most <= 0 || this.#idle.has(key);
  }

  /** Keep one; the one that waited longest makes room. */
  put(key: string, container: Container): void {
    const [oldest] = this.#idle;
    if (this.#idle.size >= this.#most && oldest !== undefined) this.#drop(...oldest);
    const timer = setTimeout(() => this.#drop(key, idle), this.#idleMs);
    timer.unref();
    const idle = { container, timer };
    this.#idle.set(key, idle);
    container.onGone(() => {
      if (this.#idle.get(key) === idle) this.#drop(key, idle);
    });
  }

  #drop(key: string, idle: Idle): void {
    this.#forget(key, idle);
    discard(idle.container);
  }

  #forget(key: string, idle: Idle): void {
    clearTimeout(idle.timer);
    if (this.#idle.get(key) === idle) this.#idle.delete(key);
  }
}

/** What cannot be removed now is found by its label at the next start. */
function discard(container: Container): void {
  container.discard().catch(() => undefined);
}
