import type { Selectable } from 'kysely';
import { joinTaint, type TaintLabel } from '../../kernel/index.ts';
import type { SessionRow, SessionStatus, StoredMessage } from '../types.ts';
import type { SessionTables } from './tables.ts';

/** A row that is about to be committed; seq, id, time and run are given by the store. */
export type NewMessage = StoredMessage extends infer M
  ? M extends StoredMessage
    ? Omit<M, 'id' | 'seq' | 'at' | 'run'>
    : never
  : never;

/** Characters of a session's last message that lists show. */
export const MAX_PREVIEW = 160;

export function toSession(row: Selectable<SessionTables['sessions']>): SessionRow {
  return {
    space: row.space,
    key: row.key,
    sessionId: row.session_id,
    agent: row.agent,
    label: row.label,
    status: row.status as SessionStatus,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    messageCount: row.message_count,
    lastMessagePreview: row.preview,
    taint: readTaint(row.taint),
    model: row.model,
    thinkingLevel: row.thinking_level,
    verboseLevel: row.verbose_level,
    archived: row.archived === 1,
    pinned: row.pinned === 1,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    activeRunId: row.active_run_id,
  };
}

export function toMessage(row: Selectable<SessionTables['messages']>): StoredMessage {
  return {
    id: row.id,
    seq: row.seq,
    at: row.at,
    run: row.run,
    role: row.role,
    taint: readTaint(row.taint),
    ...(JSON.parse(row.body) as object),
  } as StoredMessage;
}

/** What differs by role, as it is stored. */
export function messageBody(message: NewMessage): string {
  const { role: _role, taint: _taint, ...body } = message;
  return JSON.stringify(body);
}

/** A label that this version does not know counts as the most careful one: labels never get lost. */
export function readTaint(json: string): readonly TaintLabel[] {
  const labels = JSON.parse(json) as readonly string[];
  return joinTaint(labels.map((label) => (label === 'private' ? 'private' : 'untrusted')));
}

/** The first line or so of a message's text for a list; undefined when it has none. */
export function previewOf(message: NewMessage): string | undefined {
  if (message.role !== 'user' && message.role !== 'assistant') return undefined;
  const text = message.content.map((part) => (part.type === 'text' ? part.text : '')).join(' ');
  const line = text.replace(/\s+/gu, ' ').trim();
  if (line === '') return undefined;
  const points = Array.from(line.slice(0, MAX_PREVIEW * 2));
  return points.length > MAX_PREVIEW ? `${points.slice(0, MAX_PREVIEW - 1).join('')}…` : points.join('');
}
