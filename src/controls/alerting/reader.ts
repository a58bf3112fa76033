import type { Kysely, Selectable } from 'kysely';
import type { Alerts, Clock, Ledger } from '../../kernel/index.ts';
import { ALERTING_CODES } from './codes.ts';
import { groupKey } from './intake.ts';
import { alertId, alertMessage } from './message.ts';
import type { AlertDeliveryTable, AlertingTables, AlertSilenceTable } from './tables.ts';
import {
  ALERT_STATES,
  type AlertDelivery,
  type AlertDetails,
  type AlertSettings,
  type AlertSilence,
  type AlertSource,
  type AlertState,
  type DestinationStatus,
  MESSAGE_KINDS,
} from './types.ts';

/** Deliveries and silences that one answer shows at most. */
const MAX_SHOWN = 200;

export interface ReaderParts {
  readonly db: Kysely<AlertingTables>;
  readonly source: AlertSource;
  readonly settings: () => AlertSettings;
  readonly ledger: Pick<Ledger, 'append'>;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly problemOf: (destination: string) => string | null;
}

/** What became of alerts, and what people say about them. */
export class AlertReader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  async states(alerts: readonly { readonly writer: string; readonly seq: number }[]) {
    const states = new Map<string, AlertState>();
    const seqs = [...new Set(alerts.map(({ seq }) => seq))];
    if (seqs.length === 0) return states;
    const rows = await this.#parts.db
      .selectFrom('alert_handled')
      .selectAll()
      .where('seq', 'in', seqs)
      .execute();
    const acked = await this.#ackedGroups();
    for (const { writer, seq, state, group_key } of rows) {
      const known = acked.has(group_key) && state === 'told' ? 'acknowledged' : stateOf(state);
      states.set(alertId({ writer, seq }), known);
    }
    return states;
  }

  async show(id: string): Promise<AlertDetails> {
    const { db, settings } = this.#parts;
    const alert = await this.#find(id);
    const handled = await db
      .selectFrom('alert_handled')
      .selectAll()
      .where('writer', '=', alert.writer)
      .where('seq', '=', alert.seq)
      .executeTakeFirst();
    const group = await db
      .selectFrom('alert_groups')
      .selectAll()
      .where('key', '=', handled?.group_key ?? groupKey(alert))
      .executeTakeFirst();
    const deliveries = await db
      .selectFrom('alert_deliveries')
      .selectAll()
      .where('writer', '=', alert.writer)
      .where('seq', '=', alert.seq)
      .orderBy('created_at')
      .limit(MAX_SHOWN)
      .execute();
    const acknowledged =
      group === undefined || group.acked_at === null
        ? null
        : { by: group.acked_by, at: group.acked_at, note: group.ack_note };
    const state = handled === undefined ? 'new' : stateOf(handled.state);
    return {
      alert,
      state: acknowledged !== null && state === 'told' ? 'acknowledged' : state,
      acknowledged,
      count: group?.count ?? 1 + alert.repeats,
      deliveries: deliveries.map(deliveryOf),
      message: alertMessage(alert, alertId(alert), 'alert', settings()).text,
    };
  }

  async acknowledge(id: string, by: string, note: string): Promise<AlertDetails> {
    const { db, clock } = this.#parts;
    const alert = await this.#find(id);
    const { writer, seq, rule, severity, at } = alert;
    const key = groupKey(alert);
    const acked = { acked_by: by, acked_at: clock.now(), ack_note: note };
    const fresh = { key, rule, severity, writer, seq, first_at: at, last_at: at, count: 1 };
    await db
      .insertInto('alert_groups')
      .values({ ...fresh, told_at: null, told_severity: severity, escalated_at: null, ...acked })
      .onConflict((conflict) => conflict.column('key').doUpdateSet(acked))
      .execute();
    return this.show(id);
  }

  async silence({ rule, by, ticket, reason, until }: Omit<AlertSilence, 'id' | 'createdAt'>) {
    const { db, clock, alerts } = this.#parts;
    const row = { rule, made_by: by, ticket, reason, created_at: clock.now(), until };
    // Told before it counts: whoever silences a rule does not do it unseen.
    const { code, fix } = ALERTING_CODES.error('ALERTING_SILENCED');
    alerts.raise({
      rule: 'alerts.silenced',
      code,
      severity: 'high',
      title: `${by} silenced ${rule} until ${new Date(until).toISOString()} (${ticket}): ${reason}`,
      fix,
      key: `${rule} ${until}`,
      subject: { principal: by },
      data: { rule, until, ticket },
    });
    const { insertId } = await db
      .insertInto('alert_silences')
      .values(row as never)
      .executeTakeFirstOrThrow();
    return silenceOf({ id: Number(insertId), ...row });
  }

  async unsilence(id: number, _by: string): Promise<AlertSilence> {
    const { db, clock } = this.#parts;
    const now = clock.now();
    const row = await db
      .selectFrom('alert_silences')
      .selectAll()
      .where('id', '=', id)
      .where('until', '>', now)
      .executeTakeFirst();
    if (row === undefined) throw ALERTING_CODES.error('ALERTING_UNKNOWN');
    await db.updateTable('alert_silences').set({ until: now }).where('id', '=', id).execute();
    return silenceOf({ ...row, until: now });
  }

  async silences(): Promise<readonly AlertSilence[]> {
    const { db, clock } = this.#parts;
    const rows = await db
      .selectFrom('alert_silences')
      .selectAll()
      .where('until', '>', clock.now())
      .orderBy('id')
      .limit(MAX_SHOWN)
      .execute();
    return rows.map(silenceOf);
  }

  async destinations(): Promise<readonly DestinationStatus[]> {
    const { db, settings, problemOf } = this.#parts;
    const rows = await db
      .selectFrom('alert_deliveries')
      .select(({ fn }) => [
        'destination',
        'status',
        fn.countAll<number>().as('count'),
        fn.max('ended_at').as('last'),
      ])
      .groupBy(['destination', 'status'])
      .execute();
    const of = (destination: string, ...statuses: readonly string[]) =>
      rows.filter((row) => row.destination === destination && statuses.includes(row.status));
    const count = (found: readonly { readonly count: number }[]) =>
      found.reduce((sum, row) => sum + Number(row.count), 0);
    return settings().destinations.map(({ name, type, severities }) => ({
      name,
      type,
      severities,
      waiting: count(of(name, 'pending', 'handed')),
      held: count(of(name, 'held')),
      failed: count(of(name, 'failed')),
      lastSentAt: of(name, 'sent')[0]?.last ?? null,
      problem: problemOf(name),
    }));
  }

  async open(): Promise<number> {
    const { open } = await this.#parts.db
      .selectFrom('alert_groups')
      .select(({ fn }) => fn.countAll<number>().as('open'))
      .where('told_at', 'is not', null)
      .where('acked_at', 'is', null)
      .executeTakeFirstOrThrow();
    return Number(open);
  }

  async #ackedGroups(): Promise<ReadonlySet<string>> {
    const rows = await this.#parts.db
      .selectFrom('alert_groups')
      .select('key')
      .where('acked_at', 'is not', null)
      .execute();
    return new Set(rows.map(({ key }) => key));
  }

  async #find(id: string) {
    const [, writer, seq] = /^([a-z][a-z0-9-]{0,31}):([1-9][0-9]{0,14})$/.exec(id) ?? [];
    const alert = writer === undefined ? undefined : await this.#parts.source.find(writer, Number(seq));
    if (alert === undefined) throw ALERTING_CODES.error('ALERTING_UNKNOWN');
    return alert;
  }
}

function stateOf(text: string): AlertState {
  return ALERT_STATES.find((known) => known === text) ?? 'new';
}

function deliveryOf(row: Selectable<AlertDeliveryTable>): AlertDelivery {
  const { id, destination, kind, status, attempts, created_at, ended_at, reason } = row;
  return {
    id,
    destination,
    kind: MESSAGE_KINDS.find((known) => known === kind) ?? 'alert',
    status,
    attempts,
    createdAt: created_at,
    endedAt: ended_at,
    reason,
  };
}

function silenceOf(row: Selectable<AlertSilenceTable>): AlertSilence {
  const { id, rule, made_by: by, ticket, reason, created_at: createdAt, until } = row;
  return { id, rule, by, ticket, reason, createdAt, until };
}
