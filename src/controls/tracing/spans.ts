import { createHash } from 'node:crypto';
import type { Span, TracedRecord } from './types.ts';

/** Runs whose trace is remembered, so that connections of egress find it; the oldest is forgotten first. */
const MAX_RUNS = 2_000;
/** Characters of one attribute. */
const MAX_TEXT = 128;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function hex(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}

/** A trace of ours as 32 hex digits, as OpenTelemetry wants it. */
export function traceIdOf(trace: string): string {
  return UUID.test(trace) ? trace.replaceAll('-', '') : hex(`trace ${trace}`, 32);
}

/** The span of a whole turn. Its id follows from trace and run, so that children know it before it ends. */
export function turnSpanId(trace: string, run: string): string {
  return hex(`turn ${trace} ${run}`, 16);
}

function words(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.toWellFormed().slice(0, MAX_TEXT) : undefined;
}

function amount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** What one kind of record says: its name, how long it took, and which of its facts may leave. */
interface Shape {
  readonly name: string;
  readonly ms: number;
  readonly facts: Readonly<Record<string, string | number | undefined>>;
}

function shapeOf({ type, action, data = {}, subject, code, rule, outcome }: TracedRecord): Shape | undefined {
  const ms = Math.max(0, amount(data['ms']) ?? 0);
  switch (`${type} ${action}`) {
    case 'message message.admitted':
      return { name: 'admit', ms: 0, facts: { 'gatehouse.channel': words(subject?.channel) } };
    case 'model model.called':
      return {
        name: 'model call',
        ms,
        facts: {
          'gen_ai.provider.name': words(data['provider']),
          'gen_ai.request.model': words(data['model']),
          'gen_ai.usage.input_tokens': amount(data['inputTokens']),
          'gen_ai.usage.output_tokens': amount(data['outputTokens']),
        },
      };
    case 'decision tool.call':
      return { name: 'decide', ms: 0, facts: { 'gatehouse.effect': outcome, 'gatehouse.rule': words(rule) } };
    case 'tool tool.finished':
      return { name: 'tool', ms, facts: { 'gatehouse.tool': words(subject?.tool) } };
    case 'egress net.closed':
      return {
        name: 'egress',
        ms,
        facts: {
          // Only hosts that a rule allowed: a refused name could carry what somebody wants out (attack 21).
          'server.address': words(data['host']),
          'server.port': amount(data['port']),
          'gatehouse.rule': words(rule),
          'gatehouse.bytes_sent': amount(data['sent']),
          'gatehouse.bytes_received': amount(data['received']),
        },
      };
    case 'egress net.connect':
      return outcome === 'allow'
        ? undefined
        : { name: 'egress refused', ms: 0, facts: { 'gatehouse.code': code } };
    default:
      return undefined;
  }
}

/** Ends of a turn; the span of the turn is made of them, since they know how long it took. */
const TURN_ENDS: ReadonlySet<string> = new Set([
  'message.answered',
  'message.failed',
  'message.aborted',
  'turn.interrupted',
]);

/**
 * Makes spans of ledger records (decision 0020). What is not in the ledger cannot be in a span, and of the ledger only
 * what is named here is.
 */
export class SpanMaker {
  readonly #traces = new Map<string, { readonly trace: string; readonly turn: string }>();
  readonly #parents = new Map<string, string>();

  /** A caller's span that the turn of this trace belongs below (W3C Trace Context). */
  parent(trace: string, spanId: string): void {
    remember(this.#parents, trace, spanId);
  }

  /** The span that a record is, or undefined for one that is none. */
  of(record: TracedRecord): Span | undefined {
    const { writer, seq, at, code, subject, outcome } = record;
    const run = subject?.run;
    // Turns of one session come one after the other: what its sandboxes connect to belongs to the one under way.
    const session = `${subject?.agent ?? ''} ${subject?.session ?? ''}`;
    if (record.trace !== undefined && run !== undefined) {
      const place = { trace: record.trace, turn: turnSpanId(record.trace, run) };
      remember(this.#traces, run, place);
      if (subject?.session !== undefined) remember(this.#traces, session, place);
    }
    const known = run === undefined ? undefined : this.#traces.get(run);
    const place = known ?? (subject?.session === undefined ? undefined : this.#traces.get(session));
    if (place === undefined) return undefined;
    const failed = outcome === 'failure' || outcome === 'deny';
    const traceId = traceIdOf(place.trace);
    const common = { 'gatehouse.code': words(code) };
    if (record.type === 'message' && TURN_ENDS.has(record.action)) {
      const ms = Math.max(0, amount(record.data?.['ms']) ?? 0);
      const parentSpanId = this.#parents.get(place.trace) ?? '';
      const facts = {
        'gatehouse.agent': words(subject?.agent),
        'gatehouse.steps': amount(record.data?.['steps']),
      };
      return span({ traceId, spanId: place.turn, parentSpanId, name: 'turn', at, ms, failed, facts, common });
    }
    const shape = shapeOf(record);
    if (shape === undefined) return undefined;
    const spanId = hex(`span ${writer} ${seq}`, 16);
    return span({ traceId, spanId, parentSpanId: place.turn, at, failed, common, ...shape });
  }
}

function span(from: {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly at: number;
  readonly ms: number;
  readonly failed: boolean;
  readonly facts: Shape['facts'];
  readonly common: Shape['facts'];
}): Span {
  const { at, ms, facts, common, ...rest } = from;
  const attributes = Object.fromEntries(
    Object.entries({ ...facts, ...common }).filter(([, value]) => value !== undefined),
  ) as Span['attributes'];
  return { ...rest, startAt: at - ms, endAt: at, attributes };
}

function remember<T>(into: Map<string, T>, key: string, value: T): void {
  into.delete(key);
  into.set(key, value);
  const [oldest] = into.keys();
  if (into.size > MAX_RUNS && oldest !== undefined) into.delete(oldest);
}
