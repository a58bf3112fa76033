import type { Alert, Drill, DrillAttempt, DrillMark, DrillRange } from '../../kernel/index.ts';
import type { Evidence } from './evidence.ts';
import type { AttemptResult, DrillRecord } from './types.ts';

/** What clients say of themselves proves nothing: anybody can write a mark's address into a user agent. */
const CLAIMED = new Set(['userAgent', 'raw', 'displayName']);

/**
 * Whether a record or an alert says that this attempt caused it, by what the transport proved or we chose: where it
 * names an address, that is the mark's.
 */
export function tells(value: unknown, mark: DrillMark, names: Iterable<string> = []): boolean {
  const addresses: string[] = [];
  const text = JSON.stringify(value, (key, item: unknown) => {
    if (key === 'address' && typeof item === 'string') addresses.push(item);
    return CLAIMED.has(key) ? undefined : item;
  });
  if (text === undefined || addresses.some((address) => address !== mark.address)) return false;
  return [mark.address, mark.id, ...names].some(
    (name) => name !== '' && text.includes(JSON.stringify(name).slice(1, -1)),
  );
}

/** What an alert says of who caused it. */
export function alertFacts({ title, key, subject, data }: Alert): unknown {
  return { title, key, subject, data };
}

/** Refused, with a listed code, on record, and told: anything less is a problem. */
export async function judgeAttempt<Range extends DrillRange>(
  drill: Drill<Range>,
  attempt: DrillAttempt,
  evidence: Evidence,
  ms: number,
): Promise<AttemptResult> {
  const { mark, names, refusal, at } = attempt;
  const codes = refusal === undefined ? drill.codes : [...drill.codes, refusal.code];
  const { event: action } = drill;
  const isEvent = ({ action: written, code, subject, trace, data }: DrillRecord) =>
    written === action &&
    code !== undefined &&
    codes.includes(code) &&
    tells({ subject, trace, data }, mark, names);
  const { alert: wanted } = drill;
  const isAlert = (alert: Alert) =>
    'rule' in wanted && alert.rule === wanted.rule && tells(alertFacts(alert), mark, names);
  // What went through has failed already; a short look still says whether it was at least noticed.
  const wait = refusal === undefined ? ms / 10 : ms;
  const [event, alert] = await Promise.all([
    typeof action === 'string' ? evidence.record(isEvent, wait) : undefined,
    'rule' in wanted ? evidence.alert(isAlert, wait) : undefined,
  ]);
  const problems = [
    ...(refusal === undefined ? ['nothing refused it'] : []),
    ...(refusal !== undefined && !drill.codes.includes(refusal.code)
      ? [`refused with ${refusal.code || 'no code'}, expected ${drill.codes.join(' or ')}`]
      : []),
    ...(event === undefined && typeof action === 'string'
      ? [`no ${action} record followed within ${wait} ms`]
      : []),
    ...('rule' in wanted && alert === undefined
      ? [`no ${wanted.rule} alert followed within ${wait} ms`]
      : []),
    ...(attempt.sideEffects ?? []),
  ];
  return {
    tried: attempt.tried,
    refusedBy:
      refusal === undefined
        ? null
        : { code: refusal.code, rule: named(refusal.rule) ?? named(event?.what.rule) ?? drill.rule },
    event:
      event === undefined
        ? null
        : {
            writer: event.what.writer,
            seq: event.what.seq,
            action: event.what.action,
            code: event.what.code ?? '',
            ms: elapsed(at, event.at),
          },
    alert:
      alert === undefined
        ? null
        : { rule: alert.what.rule, title: alert.what.title, ms: elapsed(at, alert.at) },
    problems,
    note: attempt.note ?? '',
  };
}

/** A rule that says something: no rule at all is named for what is missing. */
function named(rule: string | undefined): string | undefined {
  return rule === undefined || rule === '' || rule === '(none)' ? undefined : rule;
}

/** Milliseconds to a tenth. */
export function elapsed(from: number, to: number): number {
  return Math.max(0, Math.round((to - from) * 10) / 10);
}
