import { createHash } from 'node:crypto';
import type { Kysely, Selectable, Transaction } from 'kysely';
import { alertId } from './message.ts';
import type { AlertGroupTable, AlertingTables } from './tables.ts';
import {
  ALERT_SEVERITIES,
  type AlertDestination,
  type AlertSettings,
  type AlertState,
  type StoredAlert,
} from './types.ts';

type Group = Selectable<AlertGroupTable>;
const HOUR_MS = 3_600_000;

/** Which alerts are the same thing happening again. */
export function groupKey({ rule, code, key, title }: StoredAlert): string {
  return createHash('sha256')
    .update(JSON.stringify([rule, code, key ?? title]))
    .digest('hex')
    .slice(0, 32);
}

/** Lower is worse. */
function rank(severity: string): number {
  const found = ALERT_SEVERITIES.findIndex((known) => known === severity);
  return found < 0 ? ALERT_SEVERITIES.length : found;
}

/** Destinations that want this alert. The one that fails is not asked to carry the news of its own failure. */
function takers(alert: StoredAlert, settings: AlertSettings): readonly AlertDestination[] {
  const failing = alert.rule === 'alerts.undelivered' ? alert.data?.['destination'] : undefined;
  return settings.destinations.filter(
    ({ name, severities, drills }) =>
      severities.includes(alert.severity) && (alert.drill === undefined || drills) && name !== failing,
  );
}

/** What is done with an alert, given what was told before. */
function judge(
  alert: StoredAlert,
  known: Group | undefined,
  facts: { readonly silenced: boolean; readonly wanted: number; readonly now: number },
  settings: AlertSettings,
): AlertState {
  if (facts.silenced) return 'silenced';
  if (facts.wanted === 0) return alert.drill === undefined ? 'unwanted' : 'drill';
  // What has become worse than what was told is news, whoever has acknowledged the milder one.
  const worse = known !== undefined && rank(alert.severity) < rank(known.told_severity);
  if (known === undefined || worse) return 'told';
  // A clock that was set back must not keep an alert quiet for ever (attack 99).
  const within = (since: number | null, ms: number) =>
    since !== null && facts.now >= since && facts.now - since < ms;
  if (within(known.acked_at, settings.acknowledgedMs)) return 'acknowledged';
  return within(known.told_at, settings.repeatMs) ? 'repeated' : 'told';
}

/**
 * Take one alert over from the ledger, in one transaction with the position behind it: what it is part of, and a row
 * for each destination that is to be told. A crash leaves it before or after that, never between.
 */
export async function takeAlert(
  db: Kysely<AlertingTables>,
  alert: StoredAlert,
  position: number,
  settings: AlertSettings,
  now: number,
): Promise<AlertState> {
  const key = groupKey(alert);
  return db.transaction().execute(async (tx) => {
    const known = await tx.selectFrom('alert_groups').selectAll().where('key', '=', key).executeTakeFirst();
    const silence = await tx
      .selectFrom('alert_silences')
      .select('id')
      .where('rule', '=', alert.rule)
      .where('until', '>', now)
      .executeTakeFirst();
    const wanting = takers(alert, settings);
    const facts = { silenced: silence !== undefined, wanted: wanting.length, now };
    const state = judge(alert, known, facts, settings);
    await tx
      .insertInto('alert_handled')
      .values({ writer: alert.writer, seq: alert.seq, group_key: key, state, at: alert.at })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await storeGroup(tx, key, alert, known, state, now);
    if (state === 'told')
      for (const one of wanting) await addDelivery(tx, alert, one.name, 'alert', settings, now);
    await tx
      .insertInto('alert_cursor')
      .values({ id: 1, position })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ position }))
      .execute();
    return state;
  });
}

async function storeGroup(
  tx: Transaction<AlertingTables>,
  key: string,
  alert: StoredAlert,
  known: Group | undefined,
  state: AlertState,
  now: number,
): Promise<void> {
  const told = state === 'told';
  const newest = { writer: alert.writer, seq: alert.seq, last_at: alert.at, severity: alert.severity };
  const count = 1 + alert.repeats;
  const telling = told
    ? { told_at: now, told_severity: alert.severity, acked_at: null, acked_by: '', escalated_at: null }
    : {};
  if (known !== undefined) {
    await tx
      .updateTable('alert_groups')
      .set({ ...newest, ...telling, count: known.count + count })
      .where('key', '=', key)
      .execute();
    return;
  }
  const fresh = { told_at: null, told_severity: '', acked_at: null, acked_by: '', escalated_at: null };
  await tx
    .insertInto('alert_groups')
    .values({
      key,
      rule: alert.rule,
      first_at: alert.at,
      count,
      ack_note: '',
      ...fresh,
      ...newest,
      ...telling,
    })
    .execute();
}

/** A row for one destination; beyond what it takes in an hour it is held for the next digest. */
export async function addDelivery(
  tx: Kysely<AlertingTables>,
  alert: Pick<StoredAlert, 'writer' | 'seq' | 'severity'>,
  destination: string,
  kind: 'alert' | 'escalation',
  { perHour }: Pick<AlertSettings, 'perHour'>,
  now: number,
): Promise<void> {
  // Critical ones are counted apart: a flood of warnings must not hide them.
  const critical = alert.severity === 'critical';
  const { used } = await tx
    .selectFrom('alert_deliveries')
    .select(({ fn }) => fn.countAll<number>().as('used'))
    .where('destination', '=', destination)
    .where('kind', 'in', ['alert', 'escalation'])
    .where('status', '!=', 'held')
    .where('created_at', '>', now - HOUR_MS)
    .where('severity', critical ? '=' : '!=', 'critical')
    .executeTakeFirstOrThrow();
  await tx
    .insertInto('alert_deliveries')
    .values({
      id: `${alertId(alert)}:${destination}:${kind}`,
      writer: alert.writer,
      seq: alert.seq,
      destination,
      kind,
      severity: alert.severity,
      status: Number(used) >= perHour ? 'held' : 'pending',
      attempts: 0,
      not_before: now,
      created_at: now,
      ended_at: null,
      reason: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
