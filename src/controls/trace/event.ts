import { hash } from 'node:crypto';
import type { LedgerEvent } from '../../kernel/index.ts';
import type { EventFields } from './record.ts';

/** Bytes of one record's data as JSON; longer data is replaced by its digest and size. */
export const MAX_RECORD_BYTES = 32 * 1024;
/** Characters of one field beside the data; a longer one is replaced by its digest and size. */
export const MAX_FIELD_CHARS = 1024;
/** Levels of nesting in data; what is deeper is dropped and named as such. */
export const MAX_DATA_DEPTH = 12;
/** Values in data altogether; what comes after is dropped and named as such. */
export const MAX_DATA_VALUES = 4096;

/** Removes secrets from a text; the same one guards every other sink. */
export type Redact = (text: string) => string;

/** Control characters (C0, C1) and those that change the direction or the lines of displayed text. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text that cannot forge a line of output or hide another (attacks 74, 94) and that SQLite gives back as it
 * was stored: what is unsafe becomes a visible \uXXXX, half a surrogate pair becomes U+FFFD.
 */
function harmless(text: string): string {
  return text
    .toWellFormed()
    .replace(UNSAFE, (unsafe) => `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** One field as it is stored, and therefore as a query has to ask for it. */
export function storedField(text: string, redact: Redact): string {
  const safe = harmless(redact(text));
  return safe.length <= MAX_FIELD_CHARS ? safe : `sha256:${hash('sha256', safe)} (${safe.length} characters)`;
}

/** An event as the columns of a record: redacted, bounded, harmless to print. */
export function toFields(event: LedgerEvent, redact: Redact): EventFields {
  const field = (text: string | undefined): string | null =>
    text === undefined ? null : storedField(text, redact);
  const { subject } = event;
  return {
    type: event.type,
    action: storedField(event.action, redact),
    outcome: event.outcome,
    code: field(event.code),
    rule: field(event.rule),
    principal: field(subject?.principal),
    agent: field(subject?.agent),
    session: field(subject?.session),
    run: field(subject?.run),
    tool: field(subject?.tool),
    channel: field(subject?.channel),
    sender: field(subject?.sender),
    trace: field(event.trace),
    // A digest of ours: no secret, and a redactor that looks for random text must not eat it.
    authority: event.authorityHash === undefined ? null : storedField(event.authorityHash, (text) => text),
    data: event.data === undefined ? null : toData(event.data, redact),
  };
}

function toData(data: Readonly<Record<string, unknown>>, redact: Redact): string {
  const text = JSON.stringify(copy(data, redact, 1, { values: 0 }));
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_RECORD_BYTES) return text;
  return JSON.stringify({ oversize: { sha256: hash('sha256', text), bytes } });
}

/** Each text is redacted by itself, before JSON escapes could hide a secret from the redactor. */
function copy(value: unknown, redact: Redact, depth: number, seen: { values: number }): unknown {
  seen.values++;
  if (seen.values > MAX_DATA_VALUES) return '[too many values]';
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object') return harmless(redact(String(value)));
  if (depth > MAX_DATA_DEPTH) return '[too deep]';
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) {
    return value.slice(0, MAX_DATA_VALUES).map((item) => copy(item, redact, depth + 1, seen));
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries
      .slice(0, MAX_DATA_VALUES)
      .map(([key, item]) => [harmless(redact(key)), copy(item, redact, depth + 1, seen)]),
  );
}
