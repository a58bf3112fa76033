import { LISTEN_CODES } from '../../controls/listen/index.ts';
import { type Alerts, asGatehouseError, type Clock, type Logger } from '../../kernel/index.ts';
import type { ListenerSet } from './listener-set.ts';
import type { WantedListener } from './listening.ts';

export interface ExposureParts {
  readonly listeners: ListenerSet;
  /** What the configuration asks for now. @throws LISTEN_* */
  readonly wanted: () => readonly WantedListener[];
  /** Told of the ports in use whenever they change. */
  readonly announce: (ports: readonly number[]) => void;
  readonly clock: Clock;
  readonly alerts: Alerts;
  readonly logger: Logger;
}

/** Longest wait between two looks at the wall clock, in milliseconds: it may be set meanwhile (attack 99). */
const LOOK_MS = 60_000;

/** Keeps the listeners in line with the configuration, and closes what a grant held open when it ends (L1). */
export class ExposureKeeper {
  readonly #parts: ExposureParts;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(parts: ExposureParts) {
    this.#parts = parts;
  }

  /** Bring the listeners in line with the configuration that was just applied; on failure the old ones go on. */
  follow(): Promise<void> {
    this.#last = this.#last.then(() => this.#follow());
    return this.#last;
  }

  /** Close what is over, and wait for the next end of a grant. */
  arm(): void {
    clearTimeout(this.#timer);
    const { listeners, clock, announce } = this.#parts;
    const over = listeners.expire(clock.now());
    for (const listener of over) this.#tellEnded(listener);
    if (over.length > 0) announce(listeners.ports);
    const next = listeners.nextExpiry;
    if (next === undefined) return;
    const wait = Math.min(Math.max(0, next - clock.now()), LOOK_MS);
    this.#timer = setTimeout(() => this.arm(), wait).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #follow(): Promise<void> {
    const { listeners, wanted, announce, alerts, logger } = this.#parts;
    const before = listeners.declared.map(({ address, port }) => `${address} ${port}`).join();
    try {
      await listeners.apply(wanted());
      const after = listeners.declared.map(({ address, port }) => `${address} ${port}`).join();
      if (before !== after) {
        announce(listeners.ports);
        logger.info('the listeners follow the new configuration', { listeners: after });
      }
    } catch (thrown) {
      const { message, fix } = asGatehouseError(thrown);
      const { code } = LISTEN_CODES.error('LISTEN_NOT_APPLIED');
      const title = `the listeners of the new configuration were not opened: ${message}`;
      alerts.raise({ rule: 'listener.not-applied', code, severity: 'high', title, fix });
    }
    this.arm();
  }

  #tellEnded(listener: WantedListener): void {
    const address = listener.kind === 'tcp' ? `${listener.address}:${listener.port}` : listener.path;
    const { code, fix } = LISTEN_CODES.error('LISTEN_GRANT_ENDED');
    const title = `the grant for ${address} (${listener.plane}) has ended; the listener is closed`;
    const data = { address, plane: listener.plane };
    this.#parts.alerts.raise({ rule: 'listener.grant-ended', code, severity: 'warning', title, fix, data });
  }
}
