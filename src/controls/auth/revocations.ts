import type { Clock } from '../../kernel/index.ts';
import type { SetTimer } from './timer.ts';

type Listener = (credentialId: string, reason: string) => void;

/**
 * Tells whoever holds connections that a credential stopped being valid: revoked, or expired while it was in
 * use (A4). One timer stands for the earliest expiry.
 */
export class Revocations {
  readonly #clock: Clock;
  readonly #setTimer: SetTimer;
  readonly #listeners = new Set<Listener>();
  readonly #expiries = new Map<string, number>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, setTimer: SetTimer) {
    this.#clock = clock;
    this.#setTimer = setTimer;
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  announce(credentialId: string, reason: string): void {
    this.#expiries.delete(credentialId);
    for (const listener of this.#listeners) listener(credentialId, reason);
  }

  /**
   * Announce the credential at `expiresAt` (Unix milliseconds) unless it is revoked before. Only proven credentials
   * get here, so there are never more of them than were issued; a bound would let the ones beyond it live on.
   */
  watch(credentialId: string, expiresAt: number | null): void {
    if (expiresAt === null) return;
    if (this.#expiries.get(credentialId) === expiresAt) return;
    this.#expiries.set(credentialId, expiresAt);
    this.#arm();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#expiries.clear();
    this.#listeners.clear();
  }

  #arm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#expiries.size === 0) return;
    let next = Number.POSITIVE_INFINITY;
    for (const at of this.#expiries.values()) next = Math.min(next, at);
    this.#cancel = this.#setTimer(Math.max(0, next - this.#clock.now()), () => this.#sweep());
  }

  #sweep(): void {
    const now = this.#clock.now();
    const over = [...this.#expiries].filter(([, at]) => at <= now).map(([id]) => id);
    for (const id of over) this.announce(id, 'expired');
    this.#arm();
  }
}
