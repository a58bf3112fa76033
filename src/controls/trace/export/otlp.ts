import type { LedgerRecord } from '../types.ts';
import { severityOf } from './syslog.ts';

/** Severity numbers of OpenTelemetry's log data model, by syslog severity. */
const SEVERITY: Readonly<Record<number, readonly [number: number, text: string]>> = {
  2: [21, 'FATAL'],
  3: [17, 'ERROR'],
  4: [13, 'WARN'],
  5: [10, 'INFO2'],
};
const INFO = [9, 'INFO'] as const;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const NO_TRACE = '0'.repeat(32);

export interface OtlpSource {
  readonly version: string;
  readonly hostname: string;
}

function attribute(key: string, value: string | number | undefined) {
  if (value === undefined) return [];
  return [{ key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } }];
}

/** A trace of ours is a UUID, which is 16 bytes, as a trace id of OpenTelemetry is. */
function traceId(trace: string | undefined): { readonly traceId?: string } {
  const id = trace !== undefined && UUID.test(trace) ? trace.replaceAll('-', '') : NO_TRACE;
  return id === NO_TRACE ? {} : { traceId: id };
}

function logRecord(record: LedgerRecord, text: string) {
  const { at, writer, seq, hash, type, action, outcome, code, rule, trace, subject } = record;
  const [severityNumber, severityText] = SEVERITY[severityOf(record)] ?? INFO;
  const timeUnixNano = `${BigInt(Math.max(0, Math.trunc(at))) * 1_000_000n}`;
  return {
    timeUnixNano,
    observedTimeUnixNano: timeUnixNano,
    severityNumber,
    severityText,
    eventName: `gatehouse.${type}`,
    body: { stringValue: text },
    attributes: [
      ...attribute('gatehouse.id', hash),
      ...attribute('gatehouse.writer', writer),
      ...attribute('gatehouse.seq', seq),
      ...attribute('gatehouse.action', action),
      ...attribute('gatehouse.outcome', outcome),
      ...attribute('gatehouse.code', code),
      ...attribute('gatehouse.rule', rule),
      ...attribute('gatehouse.principal', subject?.principal),
      ...attribute('gatehouse.agent', subject?.agent),
      ...attribute('gatehouse.session', subject?.session),
    ],
    ...traceId(trace),
  };
}

/**
 * An export request of logs in OTLP's JSON encoding: 64-bit integers as decimal strings, ids as hex.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export function otlpRequest(
  batch: readonly { readonly record: LedgerRecord; readonly text: string }[],
  { version, hostname }: OtlpSource,
): string {
  return JSON.stringify({
    resourceLogs: [
      {
        resource: {
          attributes: [
            ...attribute('service.name', 'gatehouse'),
            ...attribute('service.version', version),
            ...attribute('host.name', hostname),
          ],
        },
        scopeLogs: [
          {
            scope: { name: 'gatehouse.ledger', version },
            logRecords: batch.map(({ record, text }) => logRecord(record, text)),
          },
        ],
      },
    ],
  });
}

/** How many of a request's records the collector says that it did not take (`partial_success`). */
export function rejectedByOtlp(answer: string): number {
  try {
    const { partialSuccess } = JSON.parse(answer) as {
      readonly partialSuccess?: { readonly rejectedLogRecords?: unknown };
    };
    const rejected = Number(partialSuccess?.rejectedLogRecords ?? 0);
    return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0;
  } catch {
    return 0;
  }
}
