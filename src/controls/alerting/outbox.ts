import type { Kysely, Selectable } from 'kysely';
import { alertMessage, digestMessage } from './message.ts';
import type { AlertDeliveryTable, AlertingTables } from './tables.ts';
import type { AlertMessage, AlertSender, AlertSent, AlertSettings, AlertSource } from './types.ts';

/** Milliseconds until a destination is tried again; doubled after each failure. */
const FIRST_RETRY_MS = 2_000;
const MAX_RETRY_MS = 600_000;
/** Milliseconds after which a destination that takes nothing is told of elsewhere, and after which a message is given up. */
export const UNDELIVERED_MS = 600_000;
export const GIVE_UP_MS = 86_400_000;
/** Milliseconds that one attempt may take. */
export const SEND_MS = 15_000;
/** Rows of one destination in one look. */
const MAX_ROWS = 50;

export type DeliveryRow = Selectable<AlertDeliveryTable>;

export interface OutboxParts {
  readonly db: Kysely<AlertingTables>;
  readonly source: AlertSource;
  readonly sender: AlertSender;
  readonly settings: () => AlertSettings;
  readonly now: () => number;
  /** A destination has not taken anything for too long. */
  readonly onUndelivered: (destination: string, since: number, reason: string) => void;
}

/** What waits to be told, and the telling of it: at least once, in order of severity, whatever dies meanwhile. */
export class AlertOutbox {
  readonly #parts: OutboxParts;
  readonly #problems = new Map<string, string | null>();

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  problemOf(destination: string): string | null {
    return this.#problems.get(destination) ?? null;
  }

  /** Try everything that is due. @returns milliseconds until something is due again, Infinity when nothing waits */
  async send(signal: AbortSignal): Promise<number> {
    const { settings } = this.#parts;
    const waits = await Promise.all(settings().destinations.map(({ name }) => this.#sendTo(name, signal)));
    await this.#dropUnknown();
    return Math.min(Number.POSITIVE_INFINITY, ...waits);
  }

  /** One destination, one message at a time: a receiver sees them in order, and a dead one holds up nobody else. */
  async #sendTo(destination: string, signal: AbortSignal): Promise<number> {
    const { db, now } = this.#parts;
    const rows = await db
      .selectFrom('alert_deliveries')
      .selectAll()
      .where('destination', '=', destination)
      .where('status', 'in', ['pending', 'handed'])
      .orderBy((eb) =>
        eb
          .case()
          .when('severity', '=', 'critical')
          .then(0)
          .when('severity', '=', 'high')
          .then(1)
          .else(2)
          .end(),
      )
      .orderBy('created_at')
      .limit(MAX_ROWS)
      .execute();
    let wait = Number.POSITIVE_INFINITY;
    for (const row of rows) {
      if (signal.aborted) return wait;
      // Further away than any wait that is ever set: the clock was set back, and the row is due (attack 99).
      const left = row.not_before - now();
      if (left > 0 && left <= MAX_RETRY_MS) wait = Math.min(wait, left);
      else wait = Math.min(wait, await this.#attempt(row, signal));
    }
    if (rows.length === 0) await this.#digest(destination, signal);
    return wait;
  }

  /** @returns milliseconds until it is due again */
  async #attempt(row: DeliveryRow, signal: AbortSignal): Promise<number> {
    // Also after a crash between handing over and writing that down: what a queue has is not given to it again.
    const before =
      row.attempts === 0
        ? undefined
        : await this.#parts.sender.ended(row.destination, `${row.id}:${row.attempts}`);
    if (row.status === 'handed') return this.#settle(row, before ?? LOST);
    const known = before?.status === 'sent' || before?.status === 'handed';
    return this.#settle(row, known ? before : await this.#deliver(row, signal));
  }

  async #deliver(row: DeliveryRow, signal: AbortSignal): Promise<AlertSent> {
    const { db, source, sender, settings } = this.#parts;
    const alert = await source.find(row.writer, row.seq);
    if (alert === undefined) return { status: 'failed', reason: 'its record is gone from the ledger' };
    // Counted before it leaves: what a crash cuts off is sent again, under the same id.
    await db
      .updateTable('alert_deliveries')
      .set({ attempts: row.attempts + 1 })
      .where('id', '=', row.id)
      .execute();
    const message = alertMessage(
      alert,
      row.id,
      row.kind === 'escalation' ? 'escalation' : 'alert',
      settings(),
    );
    return sender.send(
      row.destination,
      withAttempt(message, row),
      AbortSignal.any([signal, AbortSignal.timeout(SEND_MS)]),
    );
  }

  async #settle(row: DeliveryRow, sent: AlertSent): Promise<number> {
    const { now, onUndelivered } = this.#parts;
    if (sent.status === 'handed') return this.#put(row, 'handed', FIRST_RETRY_MS, null);
    if (sent.status === 'sent') {
      this.#problems.set(row.destination, null);
      return this.#put(row, 'sent', 0, null);
    }
    this.#problems.set(row.destination, sent.reason);
    const age = Math.max(0, now() - row.created_at);
    if (sent.status === 'failed' || age >= GIVE_UP_MS) {
      onUndelivered(row.destination, row.created_at, sent.reason);
      return this.#put(row, 'failed', 0, sent.reason);
    }
    if (age >= UNDELIVERED_MS) onUndelivered(row.destination, row.created_at, sent.reason);
    return this.#put(row, 'pending', Math.min(FIRST_RETRY_MS * 2 ** row.attempts, MAX_RETRY_MS), sent.reason);
  }

  async #put(
    row: DeliveryRow,
    status: DeliveryRow['status'],
    waitMs: number,
    reason: string | null,
  ): Promise<number> {
    const now = this.#parts.now();
    const over = status === 'sent' || status === 'failed';
    await this.#parts.db
      .updateTable('alert_deliveries')
      .set({ status, reason, not_before: now + waitMs, ended_at: over ? now : null })
      .where('id', '=', row.id)
      .execute();
    return over ? Number.POSITIVE_INFINITY : waitMs;
  }

  /** One message for all that was held back, as soon as the hour that was full is over. */
  async #digest(destination: string, signal: AbortSignal): Promise<void> {
    const { db, sender, settings, now } = this.#parts;
    const held = await db
      .selectFrom('alert_deliveries')
      .innerJoin('alert_handled', (join) =>
        join
          .onRef('alert_handled.writer', '=', 'alert_deliveries.writer')
          .onRef('alert_handled.seq', '=', 'alert_deliveries.seq'),
      )
      .innerJoin('alert_groups', 'alert_groups.key', 'alert_handled.group_key')
      .select(({ fn }) => [
        'alert_groups.rule as rule',
        fn.countAll<number>().as('count'),
        fn.min('alert_deliveries.created_at').as('since'),
        fn.max('alert_deliveries.created_at').as('until'),
      ])
      .where('alert_deliveries.destination', '=', destination)
      .where('alert_deliveries.status', '=', 'held')
      .groupBy('alert_groups.rule')
      .orderBy('count', 'desc')
      .execute();
    const since = Math.min(...held.map((row) => Number(row.since)));
    const until = Math.max(...held.map((row) => Number(row.until)));
    if (held.length === 0 || now() - since < DIGEST_MS) return;
    const lines = held.map(({ rule, count }) => ({ rule, count: Number(count) }));
    const message = digestMessage(lines, `digest:${destination}:${until}`, settings());
    const sent = await sender.send(
      destination,
      message,
      AbortSignal.any([signal, AbortSignal.timeout(SEND_MS)]),
    );
    if (sent.status !== 'sent' && sent.status !== 'handed') return;
    await db
      .updateTable('alert_deliveries')
      .set({ status: 'sent', ended_at: now(), reason: 'in a digest' })
      .where('destination', '=', destination)
      .where('status', '=', 'held')
      .where('created_at', '<=', until)
      .execute();
  }

  /** What waits for a destination that is no longer configured is given up: nobody can be reached there. */
  async #dropUnknown(): Promise<void> {
    const { db, settings, now } = this.#parts;
    const names = settings().destinations.map(({ name }) => name);
    await db
      .updateTable('alert_deliveries')
      .set({ status: 'failed', ended_at: now(), reason: 'the destination is no longer configured' })
      .where('status', 'in', ['pending', 'handed', 'held'])
      .where('destination', 'not in', names.length === 0 ? [''] : names)
      .execute();
  }
}

/** A queue that was put back to an older state. */
const LOST: AlertSent = { status: 'retry', reason: 'it is no longer in the outbox' };

/** Milliseconds that alerts beyond the bound are collected before they are told together. */
export const DIGEST_MS = 900_000;

/** Queues that know a message by its id need another one when it is tried again; the alert's own id stays in the body. */
function withAttempt(message: AlertMessage, { attempts }: DeliveryRow): AlertMessage {
  return { ...message, attempt: `${message.id}:${attempts + 1}` };
}
