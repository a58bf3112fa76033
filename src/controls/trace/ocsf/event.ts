import { LEDGER_TYPES } from '../../../kernel/index.ts';
import type { LedgerRecord } from '../types.ts';
import { OCSF_CLASSES, OCSF_VERSION } from './classes.ts';
import { MAPPINGS } from './mapping.ts';
import { type Attributes, known } from './parts.ts';
import type { OcsfSource } from './source.ts';

export type OcsfEvent = Attributes;

type Level = readonly [id: number, name: string];

const SEVERITY = {
  info: [1, 'Informational'],
  low: [2, 'Low'],
  warning: [3, 'Medium'],
  high: [4, 'High'],
  critical: [5, 'Critical'],
} as const satisfies Readonly<Record<string, Level>>;

function severityOf({ type, outcome, data }: LedgerRecord): Level {
  const told = data?.['severity'];
  if (type === 'alert' && typeof told === 'string' && Object.hasOwn(SEVERITY, told))
    return SEVERITY[told as keyof typeof SEVERITY];
  if (type === 'alert') return SEVERITY.warning;
  if (type === 'login' && outcome === 'deny') return SEVERITY.warning;
  if (type === 'drill' && outcome === 'failure') return SEVERITY.high;
  return outcome === 'deny' || outcome === 'failure' ? SEVERITY.low : SEVERITY.info;
}

const STATUS: Readonly<Record<LedgerRecord['outcome'], Level>> = {
  allow: [1, 'Success'],
  success: [1, 'Success'],
  started: [1, 'Success'],
  ask: [99, 'Waits for an answer'],
  deny: [2, 'Failure'],
  failure: [2, 'Failure'],
  unknown: [0, 'Unknown'],
};
const UNKNOWN_STATUS: Level = [0, 'Unknown'];
/** A finding's status is its place in somebody's work, not an outcome. */
const NEW_FINDING: Level = [1, 'New'];

/**
 * A record as an OCSF event. `metadata.uid` is the record's hash: a collector that gets an event twice keeps one, and
 * an auditor finds the record by it. The whole record stands in `unmapped.gatehouse`, so the event can be proven.
 *
 * @see https://schema.ocsf.io/1.3.0/
 */
export function toOcsf(record: LedgerRecord, source: OcsfSource): OcsfEvent {
  const { action, outcome, code, rule, trace, at, writer, seq, hash } = record;
  // Somebody may have edited the stored type; verification says so, and nothing is left out meanwhile.
  const type = LEDGER_TYPES.find((one) => one === record.type) ?? 'process';
  const mapped = MAPPINGS[type](record, source);
  const { uid, name, category } = OCSF_CLASSES[mapped.class];
  const [activityId, activityName] = mapped.activity;
  const [severityId, severity] = severityOf(record);
  const isFinding = category[0] === 2;
  const [statusId, status] = isFinding ? NEW_FINDING : (STATUS[outcome] ?? UNKNOWN_STATUS);
  return known({
    class_uid: uid,
    class_name: name,
    category_uid: category[0],
    category_name: category[1],
    activity_id: activityId,
    activity_name: activityName,
    type_uid: uid * 100 + activityId,
    type_name: `${name}: ${activityName}`,
    time: at,
    severity_id: severityId,
    severity,
    status_id: statusId,
    status,
    status_code: code,
    status_detail: rule,
    message: `${action} ${outcome}${code === undefined ? '' : ` ${code}`}`,
    metadata: known({
      version: OCSF_VERSION,
      product: { name: 'Gatehouse', vendor_name: 'Gatehouse', version: source.version },
      uid: hash,
      log_name: 'ledger',
      log_provider: writer,
      sequence: seq,
      event_code: action,
      original_time: String(at),
      correlation_uid: trace,
      profiles: mapped.profiles,
    }),
    ...mapped.attributes,
    unmapped: { gatehouse: record },
  });
}
