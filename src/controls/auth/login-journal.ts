import type { Clock, Ledger, LedgerEvent } from '../../kernel/index.ts';
import { Buckets } from './addresses.ts';
import { AUTH_CODES } from './codes.ts';
import type { SpikeWatch } from './spikes.ts';
import type { SetTimer } from './timer.ts';
import type { PeerFacts, Principal } from './types.ts';

/** Milliseconds in which repeats of one failure from one address become one count. */
export const REPEAT_WINDOW_MS = 60_000;
/** Failures recorded one by one per window, over all addresses; all others are only counted. */
export const MAX_FAILURE_EVENTS = 100;
/** An HTTP credential is recorded when it is first used from an address, and again after this long. */
export const SUCCESS_WINDOW_MS = 3_600_000;
const MAX_SUCCESS_KEYS = 5_000;
const MAX_USER_AGENT = 120;
const UNPRINTABLE = /[^\x20-\x7e]/g;
const SECRET_LIKE = /gth_[A-Za-z0-9_]+|[A-Za-z0-9+/_-]{32,}/g;

/** Clients and codes told apart in the count of what goes beyond `MAX_FAILURE_EVENTS`, and clients named in it. */
export const MAX_BEYOND = 2_000;
const NAMED_BEYOND = 20;

interface Repeats {
  readonly event: LedgerEvent;
  count: number;
  /** Of the repeats, in Unix milliseconds. */
  firstAt: number;
  lastAt: number;
}

interface Beyond {
  count: number;
  readonly firstAt: number;
  lastAt: number;
  readonly codes: Map<string, number>;
  readonly clients: Map<string, number>;
}

/**
 * Writes logins to the ledger so that a flood of bad ones does not become a flood of records (attack 94): the
 * first of each kind and address at once, its repeats as one count per window with the times of the first and the
 * last, and everything beyond the bound as one record with codes and the busiest clients. User agents are cut, made printable and stripped of what looks like a credential.
 */
export class LoginJournal {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #setTimer: SetTimer;
  readonly #onLost: (cause: unknown) => void;
  readonly #repeats = new Map<string, Repeats>();
  readonly #successes = new Map<string, number>();
  #beyond: Beyond | undefined;
  #cancel: (() => void) | undefined;
  readonly #spikes: SpikeWatch | undefined;
  readonly #buckets: Buckets;

  constructor(
    ledger: Ledger,
    clock: Clock,
    setTimer: SetTimer,
    onLost: (cause: unknown) => void,
    spikes?: SpikeWatch,
    buckets: Buckets = new Buckets(),
  ) {
    this.#buckets = buckets;
    this.#spikes = spikes;
    this.#ledger = ledger;
    this.#clock = clock;
    this.#setTimer = setTimer;
    this.#onLost = onLost;
  }

  /** Record a refusal. The caller is refused whether or not it can be written, so nobody waits for it. */
  refused(code: string, peer: PeerFacts, data: Readonly<Record<string, unknown>> = {}): void {
    this.#spikes?.refused(code, peer, safeUserAgent(peer.userAgent));
    const key = `${code} ${this.#buckets.of(peer.address)} ${String(data['principal'] ?? '')} ${data['lockedOut'] === true}`;
    const known = this.#repeats.get(key);
    if (known !== undefined) {
      const now = this.#clock.now();
      if (known.count === 0) known.firstAt = now;
      known.count += 1;
      known.lastAt = now;
      return;
    }
    this.#cancel ??= this.#setTimer(REPEAT_WINDOW_MS, () => this.flush());
    if (this.#repeats.size >= MAX_FAILURE_EVENTS) {
      this.#countBeyond(code, this.#buckets.of(peer.address));
      return;
    }
    const event: LedgerEvent = {
      type: 'login',
      action: 'login.refused',
      outcome: 'failure',
      code,
      data: { ...factsOf(peer), ...data },
    };
    this.#repeats.set(key, { event, count: 0, firstAt: 0, lastAt: 0 });
    this.#write(event);
  }

  /**
   * Record a success before the caller gets in.
   *
   * @throws AUTH_NOT_RECORDED when it cannot be written (attack 98)
   */
  async accepted(principal: Principal, peer: PeerFacts, device?: string): Promise<void> {
    const key = `${principal.credentialId} ${peer.address}`;
    if (peer.surface === 'http') {
      const last = this.#successes.get(key);
      if (last !== undefined && this.#clock.monotonic() - last < SUCCESS_WINDOW_MS) return;
    }
    try {
      await this.#ledger.append({
        type: 'login',
        action: 'login.accepted',
        outcome: 'success',
        subject: { principal: principal.id },
        data: {
          ...factsOf(peer),
          credential: principal.credentialId,
          ...(device === undefined ? {} : { device }),
        },
      });
    } catch (cause) {
      throw AUTH_CODES.error('AUTH_NOT_RECORDED', undefined, { cause });
    }
    if (peer.surface !== 'http') return;
    if (this.#successes.size >= MAX_SUCCESS_KEYS) this.#successes.clear();
    this.#successes.set(key, this.#clock.monotonic());
  }

  /** Write the counts of the window that ends now. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const { event, count, firstAt, lastAt } of this.#repeats.values()) {
      if (count > 0) this.#write({ ...event, data: { ...event.data, repeats: count, firstAt, lastAt } });
    }
    if (this.#beyond !== undefined) {
      const { count, firstAt, lastAt, codes, clients } = this.#beyond;
      const busiest = [...clients].sort(([, a], [, b]) => b - a).slice(0, NAMED_BEYOND);
      const data = {
        repeats: count,
        firstAt,
        lastAt,
        addresses: 'various',
        codes: Object.fromEntries(codes),
        // At the bound it is a floor: further clients are in the count and not told apart.
        clients: clients.size,
        busiest: Object.fromEntries(busiest),
      };
      this.#write({ type: 'login', action: 'login.refused', outcome: 'failure', data });
    }
    this.#repeats.clear();
    this.#beyond = undefined;
  }

  #countBeyond(code: string, client: string): void {
    const now = this.#clock.now();
    this.#beyond ??= { count: 0, firstAt: now, lastAt: now, codes: new Map(), clients: new Map() };
    const { codes, clients } = this.#beyond;
    this.#beyond.count += 1;
    this.#beyond.lastAt = now;
    codes.set(code, (codes.get(code) ?? 0) + 1);
    const known = clients.get(client);
    if (known !== undefined || clients.size < MAX_BEYOND) clients.set(client, (known ?? 0) + 1);
  }

  #write(event: LedgerEvent): void {
    this.#ledger.append(event).catch(this.#onLost);
  }
}

function factsOf(peer: PeerFacts): Readonly<Record<string, unknown>> {
  return { address: peer.address, userAgent: safeUserAgent(peer.userAgent), surface: peer.surface };
}

/** A user agent that can go into a log line: printable ASCII, at most 120 characters, nothing secret-like. */
export function safeUserAgent(text: string): string {
  const cut = text.slice(0, 4 * MAX_USER_AGENT).replace(UNPRINTABLE, '?');
  return cut.replace(SECRET_LIKE, '[redacted]').slice(0, MAX_USER_AGENT);
}
