import type { ProvenanceTables } from '../provenance/tables.ts';

/** One conversation. Rows with `is_current` 0 were reset, or belong to one stateless run. */
interface SessionsTable {
  readonly session_id: string;
  readonly space: string;
  readonly key: string;
  readonly agent: string;
  readonly is_current: number;
  label: string | null;
  status: string;
  readonly created_at: number;
  updated_at: number;
  /** Also the last seq, because rows are never removed from a live session. */
  message_count: number;
  preview: string | null;
  /** JSON array of labels. */
  taint: string;
  model: string | null;
  thinking_level: string | null;
  verbose_level: string | null;
  archived: number;
  pinned: number;
  input_tokens: number;
  output_tokens: number;
  active_run_id: string | null;
}

interface MessagesTable {
  readonly session_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly run: string | null;
  readonly role: string;
  readonly taint: string;
  /** JSON of what differs by role. */
  readonly body: string;
}

/** One run of a turn, kept so that a key is never run twice (its id is the caller's idempotency key). */
interface TurnsTable {
  readonly run_id: string;
  readonly space: string;
  readonly key: string;
  readonly session_id: string;
  readonly agent: string;
  status: string;
  readonly started_at: number;
  ended_at: number | null;
  steps: number;
  input_tokens: number;
  output_tokens: number;
  /** SHA-256 of what was asked, to tell a repeated request from a reused key. */
  readonly digest: string;
  /** JSON: what the turn needs to go on after a restart. */
  readonly request: string;
  /** JSON of the outcome, once there is one. */
  outcome: string | null;
}

/** The tables of this folder, for the process that opens the database. */
export interface SessionTables extends ProvenanceTables {
  sessions: SessionsTable;
  messages: MessagesTable;
  turns: TurnsTable;
}
