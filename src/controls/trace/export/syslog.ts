import { countOf } from '../ocsf/parts.ts';
import type { LedgerRecord } from '../types.ts';

/** Printable US-ASCII without space, as header fields allow (RFC 5424 section 6). */
const UNPRINTABLE = /[^\x21-\x7e]/g;

const MAX_HOSTNAME = 255;
const MAX_MSGID = 32;

/** RFC 5424 section 6.2.1, by what the record says. */
export function severityOf({ type, outcome, data }: LedgerRecord): number {
  if (type === 'alert') {
    const told = data?.['severity'];
    return told === 'critical' ? 2 : told === 'high' ? 3 : 4;
  }
  if (outcome === 'deny') return 4;
  return outcome === 'failure' ? 4 : outcome === 'ask' ? 5 : 6;
}

function header(text: string | undefined, most: number): string {
  const safe = (text ?? '').replace(UNPRINTABLE, '_').slice(0, most);
  return safe === '' ? '-' : safe;
}

/** Controls and line separators: RFC 5424 allows them, and collectors that write lines to files take them for ends. */
const LINE_MAKING = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** Quotes, backslashes and brackets would end the value (RFC 5424 section 6.3.3). */
function parameter(name: string, value: string | number | undefined): string {
  if (value === undefined) return '';
  return ` ${name}="${String(value)
    .replace(LINE_MAKING, '_')
    .replace(/["\\\]]/g, (char) => `\\${char}`)}"`;
}

export interface SyslogHeader {
  readonly facility: number;
  readonly hostname: string;
  readonly pid: number;
}

/**
 * One record as a syslog message (RFC 5424). `id` of the structured data is the record's hash, by which a collector
 * that gets it twice keeps one. The text is UTF-8, announced by its byte order mark.
 */
export function syslogMessage(
  record: LedgerRecord,
  text: string,
  { facility, hostname, pid }: SyslogHeader,
): string {
  const { at, writer, seq, hash, type, action, outcome, code, trace, subject, data } = record;
  const time = Number.isFinite(at) && Math.abs(at) < 8.64e15 ? new Date(at).toISOString() : '-';
  const facts = [
    parameter('id', hash),
    parameter('writer', writer),
    parameter('seq', seq),
    parameter('type', type),
    parameter('outcome', outcome),
    parameter('code', code),
    parameter('principal', subject?.principal),
    parameter('agent', subject?.agent),
    parameter('trace', trace),
    parameter('repeats', countOf(data?.['repeats'])),
  ].join('');
  const priority = facility * 8 + severityOf(record);
  const head = `<${priority}>1 ${time} ${header(hostname, MAX_HOSTNAME)} gatehouse ${pid} ${header(action, MAX_MSGID)}`;
  return `${head} [gatehouse@32473${facts}] \ufeff${text}`;
}

/** Octet counting: the only framing in which no content can end a message (RFC 6587 section 3.4.1, RFC 5425). */
export function octetFramed(message: string): Buffer {
  const bytes = Buffer.from(message);
  return Buffer.concat([Buffer.from(`${bytes.length} `), bytes]);
}
