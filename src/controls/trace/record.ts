import { hash } from 'node:crypto';
import type { LedgerEvent, LedgerType, Subject } from '../../kernel/index.ts';
import type { LedgerRecord } from './types.ts';

/** First element of every record's encoding: bytes that were hashed for something else never fit a record. */
export const RECORD_DOMAIN = 'gatehouse-record-1';

/** What a writer's first record names as the one before it. */
export const GENESIS = '0'.repeat(64);

/** Columns that hold what happened, in the order they are hashed. */
export const EVENT_COLUMNS = [
  'type',
  'action',
  'outcome',
  'code',
  'rule',
  'principal',
  'agent',
  'session',
  'run',
  'tool',
  'channel',
  'sender',
  'trace',
  'authority',
  'data',
] as const;
type EventColumn = (typeof EVENT_COLUMNS)[number];

/** An event as it is stored: text or nothing per column, `data` as JSON text. */
export type EventFields = Readonly<Record<EventColumn, string | null>>;

/** A value as SQLite holds it. */
export type Stored = string | number | null | bigint | Uint8Array;

/**
 * The hash that a record carries: SHA-256 over the UTF-8 bytes of the JSON array
 * `["gatehouse-record-1", writer, seq, at, prev, type, action, ..., data]` as RFC 8259 text without white
 * space, absent values as null. An array of strings and integers has one such text only, so no two records
 * share an encoding, and another program can compute it from the columns alone.
 */
export function recordHash(values: readonly Stored[]): string {
  return hash('sha256', JSON.stringify(values));
}

/** Everything a record's hash covers, in order. */
export function hashedValues(
  writer: string,
  seq: number,
  at: number,
  prev: string,
  fields: EventFields,
): readonly (string | number | null)[] {
  return [RECORD_DOMAIN, writer, seq, at, prev, ...EVENT_COLUMNS.map((column) => fields[column])];
}

export interface RecordRow extends EventFields {
  readonly writer: string;
  readonly seq: number;
  readonly at: number;
  readonly prev: string;
  readonly hash: string;
}

/** A stored row as readers see it; absent values are absent keys. */
export function toRecord(row: RecordRow): LedgerRecord {
  return {
    writer: row.writer,
    seq: row.seq,
    at: row.at,
    prev: row.prev,
    hash: row.hash,
    type: row.type as LedgerType,
    action: row.action ?? '',
    outcome: row.outcome as LedgerEvent['outcome'],
    ...present('code', row.code),
    ...present('rule', row.rule),
    ...(row.principal === null ? {} : { subject: toSubject(row.principal, row) }),
    ...present('trace', row.trace),
    ...present('authorityHash', row.authority),
    ...(row.data === null ? {} : { data: parseData(row.data) }),
  };
}

function toSubject(principal: string, row: RecordRow): Subject {
  return {
    principal,
    ...present('agent', row.agent),
    ...present('session', row.session),
    ...present('run', row.run),
    ...present('tool', row.tool),
    ...present('channel', row.channel),
    ...present('sender', row.sender),
  };
}

function present<K extends string>(key: K, value: string | null): { readonly [P in K]?: string } {
  return value === null ? {} : ({ [key]: value } as { readonly [P in K]: string });
}

/** Data that somebody edited into something else is shown as it is; verification says that it was edited. */
function parseData(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return { unreadable: text };
  }
}
