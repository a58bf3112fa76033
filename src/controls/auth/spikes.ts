import type { Alerts, Clock } from '../../kernel/index.ts';
import { Buckets } from './addresses.ts';
import type { PeerFacts } from './types.ts';

/** Refused requests of one client within a window that are told (A9). */
export const SPIKE_REFUSALS = 20;
export const SPIKE_WINDOW_MS = 60_000;
/** Clients counted at once; the one that began first is forgotten first. */
export const MAX_SPIKE_CLIENTS = 1_000;

interface Count {
  readonly since: number;
  readonly codes: Map<string, number>;
  total: number;
}

/** Notices a client that is refused again and again, and names it once per window. Time is monotonic. */
export class SpikeWatch {
  readonly #clock: Clock;
  readonly #alerts: Alerts;
  readonly #buckets: Buckets;
  readonly #clients = new Map<string, Count>();

  constructor(clock: Clock, alerts: Alerts, buckets: Buckets = new Buckets()) {
    this.#clock = clock;
    this.#alerts = alerts;
    this.#buckets = buckets;
  }

  /** One more refusal with this code. `userAgent` is already fit for a log line. */
  refused(code: string, peer: PeerFacts, userAgent: string): void {
    const client = this.#buckets.of(peer.address);
    const now = this.#clock.monotonic();
    let count = this.#clients.get(client);
    if (count === undefined || now - count.since >= SPIKE_WINDOW_MS) {
      this.#clients.delete(client);
      const [oldest] = this.#clients.keys();
      if (this.#clients.size >= MAX_SPIKE_CLIENTS && oldest !== undefined) this.#clients.delete(oldest);
      count = { since: now, codes: new Map(), total: 0 };
      this.#clients.set(client, count);
    }
    count.total += 1;
    count.codes.set(code, (count.codes.get(code) ?? 0) + 1);
    if (count.total !== SPIKE_REFUSALS) return;
    this.#alerts.raise({
      rule: 'auth.spike',
      code,
      severity: 'high',
      title: `${SPIKE_REFUSALS} requests from ${client} were refused within a minute`,
      fix: 'Find out who is behind the address; `gatehouse token status` shows whose credential fails, `gatehouse token revoke` ends one.',
      data: { address: peer.address, userAgent, codes: Object.fromEntries(count.codes) },
    });
  }
}
