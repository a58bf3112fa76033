import type { Alert, Alerts, Clock, Logger } from '../../kernel/index.ts';
import type { LedgerRecord, LedgerService } from './types.ts';

/** Milliseconds in which the same alert is counted instead of told again. */
export const ALERT_REPEAT_MS = 60_000;
/** Different alerts remembered for that; the one told first is forgotten first. */
export const MAX_ALERT_KEYS = 1_000;
/** Alerts that one question returns at most. */
export const MAX_LISTED_ALERTS = 1_000;

const SEVERITIES = ['critical', 'high', 'warning'] as const;

/** An alert as the ledger holds it. */
export interface RecordedAlert extends Alert {
  readonly writer: string;
  readonly seq: number;
  /** Unix milliseconds. */
  readonly at: number;
  /** How often the same was raised after the one before it and not told. */
  readonly repeats: number;
}

export interface AlertQuery {
  /** Unix milliseconds; only alerts that are later. */
  readonly since?: number;
  readonly rule?: string;
  readonly limit?: number;
}

export interface AlertService extends Alerts {
  /** The last ones, in the order of writing, of all processes on this home. */
  list(query: AlertQuery): Promise<readonly RecordedAlert[]>;
  /** Called with each alert that is told; returns how to stop. */
  subscribe(listener: (alert: Alert) => void): () => void;
  /** While drills run: `drillOf` says which run provoked an alert, and the alert then says so; returns how to stop. */
  label(drillOf: (alert: Alert) => string | undefined): () => void;
}

export interface AlertParts {
  readonly ledger: Pick<LedgerService, 'append' | 'query'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Alerts over the ledger: each is a record of type `alert`, a line of the log and a call of every subscriber. */
export function createAlerts({ ledger, clock, logger }: AlertParts): AlertService {
  const told = new Map<string, { since: number; repeats: number }>();
  const listeners = new Set<(alert: Alert) => void>();
  const labels = new Set<(alert: Alert) => string | undefined>();

  function labelled(alert: Alert): Alert {
    for (const drillOf of labels) {
      const drill = drillOf(alert);
      if (drill !== undefined) return { ...alert, drill };
    }
    return alert;
  }

  /** How often it was held back since it was last told, or undefined while it is held back. */
  function repeatsOf(alert: Alert): number | undefined {
    const key = JSON.stringify([alert.rule, alert.code, alert.key ?? alert.title]);
    const now = clock.monotonic();
    const known = told.get(key);
    if (known !== undefined && now - known.since < ALERT_REPEAT_MS) {
      known.repeats += 1;
      return undefined;
    }
    told.delete(key);
    told.set(key, { since: now, repeats: 0 });
    const [oldest] = told.keys();
    if (told.size > MAX_ALERT_KEYS && oldest !== undefined) told.delete(oldest);
    return known?.repeats ?? 0;
  }

  function tell(listener: (alert: Alert) => void, alert: Alert): void {
    try {
      listener(alert);
    } catch (cause) {
      logger.error('nobody could be told of an alert', { rule: alert.rule, cause: String(cause) });
    }
  }

  return {
    raise(raised) {
      const repeats = repeatsOf(raised);
      if (repeats === undefined) return;
      const alert = labelled(raised);
      const { rule, code, severity, title, fix, key, subject, data, drill } = alert;
      logger.error(title, { alert: rule, code, severity, fix, ...(drill === undefined ? {} : { drill }) });
      ledger
        .append({
          type: 'alert',
          action: rule,
          outcome: 'failure',
          code,
          ...(subject === undefined ? {} : { subject }),
          data: {
            severity,
            title,
            fix,
            ...(key === undefined ? {} : { key }),
            ...(repeats === 0 ? {} : { repeats }),
            ...(drill === undefined ? {} : { drill }),
            facts: data ?? {},
          },
        })
        .catch((cause: unknown) =>
          logger.error('an alert could not be recorded', { alert: rule, code, cause: String(cause) }),
        );
      for (const listener of listeners) tell(listener, alert);
    },
    async list({ since, rule, limit = MAX_LISTED_ALERTS }) {
      const records = await ledger.query({
        type: 'alert',
        limit: Math.min(limit, MAX_LISTED_ALERTS),
        ...(since === undefined ? {} : { after: since }),
        ...(rule === undefined ? {} : { action: rule }),
      });
      return records.map(recordedAlert);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    label(drillOf) {
      labels.add(drillOf);
      return () => void labels.delete(drillOf);
    },
  };
}

/** Alerts where they are taken from to be told: the ledger, over all processes on this home. */
export function alertSource(ledger: Pick<LedgerService, 'readType' | 'position' | 'get'>) {
  return {
    position: (): Promise<number> => ledger.position(),
    async after(position: number, limit: number) {
      const step = await ledger.readType('alert', position, limit);
      return { alerts: step.records.map(recordedAlert), position: step.position };
    },
    async find(writer: string, seq: number): Promise<RecordedAlert | undefined> {
      const record = await ledger.get(writer, seq);
      return record?.type === 'alert' ? recordedAlert(record) : undefined;
    },
  };
}

function recordedAlert({ writer, seq, at, action, code, subject, data = {} }: LedgerRecord): RecordedAlert {
  const { severity, title, fix, key, repeats, facts, drill } = data;
  return {
    writer,
    seq,
    at,
    rule: action,
    code: code ?? '',
    severity: SEVERITIES.find((known) => known === severity) ?? 'warning',
    title: typeof title === 'string' ? title : action,
    fix: typeof fix === 'string' ? fix : '',
    repeats: typeof repeats === 'number' ? repeats : 0,
    ...(subject === undefined ? {} : { subject }),
    ...(typeof key === 'string' ? { key } : {}),
    ...(typeof drill === 'string' ? { drill } : {}),
    ...(typeof facts === 'object' && facts !== null ? { data: { ...facts } } : {}),
  };
}
