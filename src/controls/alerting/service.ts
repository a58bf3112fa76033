import { type Kysely, sql } from 'kysely';
import type { Alerts, Clock, Ledger, Logger } from '../../kernel/index.ts';
import { ALERTING_CODES } from './codes.ts';
import { addDelivery, takeAlert } from './intake.ts';
import { alertId, alertMessage, heartbeatMessage } from './message.ts';
import { AlertOutbox, SEND_MS } from './outbox.ts';
import { AlertReader } from './reader.ts';
import type { AlertingTables } from './tables.ts';
import type { AlertingService, AlertSender, AlertSettings, AlertSource } from './types.ts';

/** Milliseconds between two looks for alerts of other processes, while anybody is to be told. */
const LOOK_MS = 2_000;
/** Alerts of one step. */
const STEP = 200;
/** Alerts older than this are not told any more: nobody is woken for last week. */
const MAX_AGE_MS = 86_400_000;
/** Milliseconds that rows of things long over are kept. */
const KEPT_MS = 90 * 86_400_000;
/** Rows of each kind that are kept at most, and milliseconds between two clean-ups (attack 94). */
export const MAX_KEPT = 20_000;
const FORGET_MS = 3_600_000;

export interface AlertingParts {
  readonly db: Kysely<AlertingTables>;
  readonly source: AlertSource;
  readonly sender: AlertSender;
  readonly settings: () => AlertSettings;
  readonly ledger: Pick<Ledger, 'append'>;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Calls back once after so many milliseconds; returns how to take it back. */
  readonly setTimer: (ms: number, run: () => void) => () => void;
}

export interface RunningAlerting extends AlertingService {
  /** Take up what an earlier process left, and go on looking. */
  start(): Promise<void>;
  /** Look now: something was raised, or what was in the way is gone. Resolves when that look is over. */
  kick(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Tells people of alerts (T4). The ledger is the queue: an alert is on disk before anybody is told, and the position
 * up to which it was taken over is written together with what is to be sent. Without destinations nothing runs.
 */
export function createAlerting(parts: AlertingParts): RunningAlerting {
  return new Alerting(parts);
}

class Alerting extends AlertReader implements RunningAlerting {
  readonly #parts: AlertingParts;
  readonly #outbox: AlertOutbox;
  readonly #stop = new AbortController();
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #forgotAt = 0;

  constructor(parts: AlertingParts) {
    const outbox = new AlertOutbox({
      ...parts,
      now: () => parts.clock.now(),
      onUndelivered: (destination, since, reason) => this.#tellUndelivered(destination, since, reason),
    });
    super({ ...parts, problemOf: (destination) => outbox.problemOf(destination) });
    this.#parts = parts;
    this.#outbox = outbox;
  }

  async start(): Promise<void> {
    await this.#forget();
    await this.kick();
  }

  /** What is long over goes, and of a flood the newest stays. */
  async #forget(): Promise<void> {
    const { db, clock } = this.#parts;
    this.#forgotAt = clock.monotonic();
    const old = clock.now() - KEPT_MS;
    for (const table of ['alert_handled', 'alert_groups', 'alert_deliveries'] as const) {
      const done = table === 'alert_deliveries' ? sql`status in ('sent', 'failed')` : sql`true`;
      const all = sql.table(table);
      await sql`delete from ${all} where ${done} and rowid <= (select max(rowid) from ${all}) - ${MAX_KEPT}`.execute(
        db,
      );
    }
    await db.deleteFrom('alert_handled').where('at', '<', old).execute();
    await db.deleteFrom('alert_groups').where('last_at', '<', old).execute();
    await db.deleteFrom('alert_silences').where('until', '<', old).execute();
    await db
      .deleteFrom('alert_deliveries')
      .where('status', 'in', ['sent', 'failed'])
      .where('created_at', '<', old)
      .execute();
  }

  async kick(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#cancel?.();
    this.#running = this.#work()
      .catch((cause: unknown) => {
        this.#parts.logger.error('alerts could not be delivered now', { cause: String(cause) });
        return LOOK_MS;
      })
      .then((wait) => {
        this.#running = undefined;
        if (this.#stop.signal.aborted || wait === undefined) return;
        if (this.#again) {
          this.#again = false;
          return this.kick();
        }
        this.#cancel = this.#parts.setTimer(wait, () => void this.kick());
        return undefined;
      });
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#cancel?.();
    await this.#running;
  }

  async test(destinations: readonly string[], by: string) {
    const { settings, sender, ledger, clock } = this.#parts;
    const known = settings().destinations;
    const missing = destinations.find((name) => !known.some((one) => one.name === name));
    if (known.length === 0 || missing !== undefined) {
      throw ALERTING_CODES.error('ALERTING_NO_DESTINATION', undefined, {
        details: missing === undefined ? {} : { destination: missing },
      });
    }
    const at = clock.now();
    const title = `${by} asked whether alerts arrive; nothing has happened`;
    const fix = 'Nothing. Whoever asked wants to hear that you have read this.';
    const facts = { severity: 'warning', title, fix, facts: { by } };
    const { writer, seq } = await ledger.append({
      type: 'alert',
      action: 'alerts.test',
      outcome: 'success',
      code: 'ALERTING_TEST',
      data: facts,
    });
    const alert = {
      writer,
      seq,
      at,
      rule: 'alerts.test',
      code: 'ALERTING_TEST',
      severity: 'warning',
      title,
      fix,
      repeats: 0,
    } as const;
    const wanted = known.filter(({ name }) => destinations.length === 0 || destinations.includes(name));
    return Promise.all(
      wanted.map(async ({ name }) => {
        const id = `${alertId(alert)}:${name}:test`;
        const message = { ...alertMessage(alert, id, 'test', settings()), attempt: `${id}:1` };
        const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(SEND_MS)]);
        const sent = await sender.send(name, message, signal);
        const ended = sent.status === 'handed' ? await this.#untilEnded(name, message.attempt, signal) : sent;
        return {
          destination: name,
          sent: ended.status === 'sent',
          reason: 'reason' in ended ? ended.reason : '',
        };
      }),
    );
  }

  async #untilEnded(destination: string, id: string, signal: AbortSignal) {
    while (!signal.aborted) {
      const ended = await this.#parts.sender.ended(destination, id);
      if (ended !== undefined && ended.status !== 'handed') return ended;
      await new Promise<void>((resolve) => void this.#parts.setTimer(ENDED_LOOK_MS, resolve));
    }
    return { status: 'retry', reason: 'it is still under way' } as const;
  }

  /** @returns milliseconds until the next look; undefined when nobody is to be told anything */
  async #work(): Promise<number | undefined> {
    const { settings } = this.#parts;
    if (settings().destinations.length === 0) return undefined;
    if (this.#parts.clock.monotonic() - this.#forgotAt > FORGET_MS) await this.#forget();
    await this.#takeOver();
    await this.#escalate();
    await this.#beat();
    const wait = await this.#outbox.send(this.#stop.signal);
    return Math.min(wait, LOOK_MS);
  }

  async #takeOver(): Promise<void> {
    const { db, source, settings, clock } = this.#parts;
    const found = await db.selectFrom('alert_cursor').select('position').executeTakeFirst();
    // The first time: what happened before there was anybody to tell is history.
    let position = found?.position ?? (await source.position());
    if (found === undefined) await db.insertInto('alert_cursor').values({ id: 1, position }).execute();
    for (;;) {
      const step = await source.after(position, STEP);
      for (const alert of step.alerts) {
        const tooOld = clock.now() - alert.at > MAX_AGE_MS || NEVER_TOLD.has(alert.rule);
        if (!tooOld) await takeAlert(db, alert, step.position, settings(), clock.now());
      }
      if (step.position === position) return;
      position = step.position;
      await db.updateTable('alert_cursor').set({ position }).execute();
      if (step.alerts.length < STEP) return;
    }
  }

  /** What was told and that nobody has taken goes to the next one who is asked. */
  async #escalate(): Promise<void> {
    const { db, settings, clock } = this.#parts;
    const { escalation } = settings();
    if (escalation === undefined) return;
    const now = clock.now();
    const groups = await db
      .selectFrom('alert_groups')
      .selectAll()
      .where('told_at', '<=', now - escalation.afterMs)
      .where('told_at', '>', now - MAX_AGE_MS)
      .where('acked_at', 'is', null)
      .where('escalated_at', 'is', null)
      .where('told_severity', 'in', escalation.severities.length === 0 ? [''] : [...escalation.severities])
      .limit(STEP)
      .execute();
    for (const { key, writer, seq, told_severity } of groups) {
      const severity = told_severity as AlertSettings['destinations'][number]['severities'][number];
      await db.transaction().execute(async (tx) => {
        for (const name of escalation.to)
          await addDelivery(tx, { writer, seq, severity }, name, 'escalation', settings(), now);
        await tx.updateTable('alert_groups').set({ escalated_at: now }).where('key', '=', key).execute();
      });
    }
  }

  #beatAt = 0;

  /** A sign of life; whoever waits for it notices when Gatehouse cannot tell anybody anything any more. */
  async #beat(): Promise<void> {
    const { settings, sender, clock, logger } = this.#parts;
    const { heartbeat } = settings();
    const now = clock.monotonic();
    if (heartbeat === undefined || (this.#beatAt > 0 && now - this.#beatAt < heartbeat.everyMs)) return;
    this.#beatAt = now;
    const at = clock.now();
    const open = await this.open();
    for (const name of heartbeat.to) {
      const message = heartbeatMessage(`heartbeat:${name}:${at}`, at, open, settings());
      const sent = await sender.send(
        name,
        message,
        AbortSignal.any([this.#stop.signal, AbortSignal.timeout(SEND_MS)]),
      );
      if ('reason' in sent)
        logger.warn('a heartbeat was not taken', { destination: name, reason: sent.reason });
    }
  }

  #tellUndelivered(destination: string, since: number, reason: string): void {
    const { code, fix } = ALERTING_CODES.error('ALERTING_UNDELIVERED');
    this.#parts.alerts.raise({
      rule: 'alerts.undelivered',
      code,
      severity: 'high',
      title: `the destination ${destination} has not taken alerts since ${new Date(since).toISOString()}: ${reason}`,
      fix,
      key: destination,
      data: { destination, since, reason },
    });
  }
}

/** Milliseconds between two questions how a message that was handed over has ended. */
const ENDED_LOOK_MS = 100;

/** Records of the type `alert` that are no news to anybody. */
const NEVER_TOLD: ReadonlySet<string> = new Set(['alerts.test', 'listener.restored']);
