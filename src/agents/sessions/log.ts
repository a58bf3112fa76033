import type { Kysely, Selectable } from 'kysely';
import { joinTaint, type Subject, type TaintLabel } from '../../kernel/index.ts';
import type { SessionRow, StoredMessage, TurnOutcome, Usage } from '../types.ts';
import { insertSession, openSession, type SessionStoreOptions } from './open.ts';
import { messageBody, type NewMessage, previewOf, readTaint, toMessage } from './rows.ts';
import type { SessionTables } from './tables.ts';

export type TurnStatus = 'queued' | 'running' | 'waiting' | 'ok' | 'aborted' | 'error' | 'interrupted';

const SESSION_STATUS: Readonly<Record<TurnStatus, SessionRow['status']>> = {
  queued: 'idle',
  running: 'running',
  waiting: 'waiting',
  ok: 'done',
  aborted: 'aborted',
  error: 'failed',
  interrupted: 'interrupted',
};

/** Rows of history that a turn looks at; compaction normally keeps it far below. */
export const MAX_CONTEXT_ROWS = 10_000;

/** What a turn needs to go on after a restart. Rights are not in it: they are looked up anew. */
export interface StoredRequest {
  readonly message: string;
  readonly subject: Subject;
  readonly trace: string;
  readonly model?: string;
  readonly taint?: readonly TaintLabel[];
  readonly timeoutMs?: number;
  /** The caller's own instructions of a stateless run. */
  readonly system?: string;
  /** A stateless run: its rows go when it ends. */
  readonly detached?: boolean;
}

export interface TurnEntry {
  readonly runId: string;
  readonly space: string;
  readonly key: string;
  readonly agent: string;
  readonly digest: string;
  readonly request: StoredRequest;
}

export interface TurnRecord extends TurnEntry {
  readonly sessionId: string;
  readonly status: TurnStatus;
  readonly startedAt: number;
  readonly steps: number;
  readonly usage: Usage;
  readonly outcome?: TurnOutcome;
}

export interface TaintSource {
  readonly label: TaintLabel;
  readonly source: string;
}

/** Everything that one moment of a turn changes, in one transaction. */
export interface TurnChange {
  readonly runId: string;
  readonly sessionId: string;
  readonly messages?: readonly NewMessage[];
  /** Labels to add; none is ever taken away. */
  readonly taint?: readonly TaintLabel[];
  /** Where labels came from. */
  readonly sources?: readonly TaintSource[];
  /** Tokens to add. */
  readonly usage?: Usage;
  readonly steps?: number;
  readonly status?: TurnStatus;
  readonly outcome?: TurnOutcome;
  /** Remove the session with its rows: the end of a stateless run. */
  readonly discard?: boolean;
}

/** The write side of sessions, for the turn loop alone. Each call is one durable transaction. */
export interface TurnLog {
  find(runId: string): Promise<TurnRecord | undefined>;
  /** Turns that have not ended, oldest first. */
  unfinished(): Promise<readonly TurnRecord[]>;
  /** The newest turns' owners. */
  recent(limit: number): Promise<readonly { readonly runId: string; readonly space: string }[]>;
  /** Keep a turn that waits for its session to be free. */
  enqueue(entry: TurnEntry): Promise<void>;
  /** Start a turn: its row, its session, and the messages that it begins with. */
  begin(
    entry: TurnEntry,
    messages: readonly NewMessage[],
  ): Promise<{ readonly session: SessionRow; readonly messages: readonly StoredMessage[] }>;
  write(change: TurnChange): Promise<readonly StoredMessage[]>;
  /** Change a session's last turn when no session row is concerned (a queued turn that never began). */
  close(runId: string, outcome: TurnOutcome): Promise<void>;
  /** The last summary and what came after it, with the last user message in any case. */
  context(sessionId: string): Promise<readonly StoredMessage[]>;
}

type Trx = Kysely<SessionTables>;

/** The turn loop's view of the session tables. */
export function createTurnLog(options: SessionStoreOptions): TurnLog {
  const { db, clock } = options;
  return {
    async find(runId) {
      const row = await db.selectFrom('turns').selectAll().where('run_id', '=', runId).executeTakeFirst();
      return row === undefined ? undefined : toTurn(row);
    },
    async unfinished() {
      const rows = await db
        .selectFrom('turns')
        .selectAll()
        .where('ended_at', 'is', null)
        .orderBy('started_at')
        .execute();
      return rows.map(toTurn);
    },
    async recent(limit) {
      const rows = await db
        .selectFrom('turns')
        .select(['run_id', 'space'])
        .orderBy('started_at', 'desc')
        .limit(limit)
        .execute();
      return rows.map((row) => ({ runId: row.run_id, space: row.space }));
    },
    async enqueue(entry) {
      await db
        .insertInto('turns')
        .values(turnRow(entry, '', 'queued', clock.now()))
        .execute();
    },
    begin: (entry, messages) => db.transaction().execute((trx) => begin(trx, options, entry, messages)),
    write: (change) => db.transaction().execute((trx) => write(trx, options, change)),
    async close(runId, outcome) {
      await db
        .updateTable('turns')
        .set({ status: outcome.status, outcome: JSON.stringify(outcome), ended_at: clock.now() })
        .where('run_id', '=', runId)
        .execute();
    },
    context: (sessionId) => context(db, sessionId),
  };
}

function turnRow(
  entry: TurnEntry,
  sessionId: string,
  status: TurnStatus,
  now: number,
): SessionTables['turns'] {
  return {
    run_id: entry.runId,
    space: entry.space,
    key: entry.key,
    session_id: sessionId,
    agent: entry.agent,
    status,
    started_at: now,
    ended_at: null,
    steps: 0,
    input_tokens: 0,
    output_tokens: 0,
    digest: entry.digest,
    request: JSON.stringify(entry.request),
    outcome: null,
  };
}

function toTurn(row: Selectable<SessionTables['turns']>): TurnRecord {
  return {
    runId: row.run_id,
    space: row.space,
    key: row.key,
    sessionId: row.session_id,
    agent: row.agent,
    status: row.status as TurnStatus,
    startedAt: row.started_at,
    steps: row.steps,
    usage: { inputTokens: row.input_tokens, outputTokens: row.output_tokens },
    digest: row.digest,
    request: JSON.parse(row.request) as StoredRequest,
    ...(row.outcome === null ? {} : { outcome: JSON.parse(row.outcome) as TurnOutcome }),
  };
}

async function begin(
  trx: Trx,
  options: SessionStoreOptions,
  entry: TurnEntry,
  messages: readonly NewMessage[],
): Promise<{ readonly session: SessionRow; readonly messages: readonly StoredMessage[] }> {
  const detached = entry.request.detached === true;
  const session = detached
    ? await insertSession(trx, options, entry.space, entry.key, false)
    : await openSession(trx, options, entry.space, entry.key);
  const row = turnRow(entry, session.sessionId, 'running', options.clock.now());
  await trx
    .insertInto('turns')
    .values(row)
    .onConflict((conflict) =>
      conflict.column('run_id').doUpdateSet({ session_id: session.sessionId, status: 'running' }),
    )
    .execute();
  const stored = await append(trx, options, session, entry.runId, messages);
  const taint = joinTaint(session.taint, ...messages.map((message) => message.taint));
  const { channel } = entry.request.subject;
  const source = channel === undefined ? 'a message of the caller' : `a message through ${channel}`;
  const labels = joinTaint(...messages.map((message) => message.taint));
  await noteSources(
    trx,
    options,
    { sessionId: session.sessionId, runId: entry.runId },
    labels.map((label) => ({ label, source })),
  );
  await trx
    .updateTable('sessions')
    .set({
      ...appended(session.messageCount, messages),
      status: 'running',
      active_run_id: entry.runId,
      taint: JSON.stringify(taint),
      updated_at: options.clock.now(),
    })
    .where('session_id', '=', session.sessionId)
    .execute();
  return { session: { ...session, taint, activeRunId: entry.runId }, messages: stored };
}

async function write(
  trx: Trx,
  options: SessionStoreOptions,
  change: TurnChange,
): Promise<readonly StoredMessage[]> {
  const { sessionId, runId, status } = change;
  const now = options.clock.now();
  const ended = change.outcome !== undefined;
  const session = await trx
    .selectFrom('sessions')
    .select(['message_count', 'taint', 'input_tokens', 'output_tokens'])
    .where('session_id', '=', sessionId)
    .executeTakeFirstOrThrow();
  const messages = change.messages ?? [];
  await noteSources(trx, options, { sessionId, runId }, change.sources ?? []);
  const place = { sessionId, messageCount: session.message_count };
  const stored = await append(trx, options, place, runId, messages);
  await trx
    .updateTable('sessions')
    .set({
      ...appended(session.message_count, messages),
      taint: JSON.stringify(
        joinTaint(readTaint(session.taint), change.taint ?? [], ...messages.map((message) => message.taint)),
      ),
      input_tokens: session.input_tokens + (change.usage?.inputTokens ?? 0),
      output_tokens: session.output_tokens + (change.usage?.outputTokens ?? 0),
      updated_at: now,
      ...(status === undefined ? {} : { status: SESSION_STATUS[status] }),
      ...(ended ? { active_run_id: null } : {}),
    })
    .where('session_id', '=', sessionId)
    .execute();
  await trx
    .updateTable('turns')
    .set((eb) => ({
      input_tokens: eb('input_tokens', '+', change.usage?.inputTokens ?? 0),
      output_tokens: eb('output_tokens', '+', change.usage?.outputTokens ?? 0),
      ...(change.steps === undefined ? {} : { steps: change.steps }),
      ...(status === undefined ? {} : { status }),
      ...(ended ? { outcome: JSON.stringify(change.outcome), ended_at: now } : {}),
    }))
    .where('run_id', '=', runId)
    .execute();
  if (change.discard === true) await trx.deleteFrom('sessions').where('session_id', '=', sessionId).execute();
  return stored;
}

async function noteSources(
  trx: Trx,
  options: SessionStoreOptions,
  { sessionId, runId }: { readonly sessionId: string; readonly runId: string },
  sources: readonly TaintSource[],
): Promise<void> {
  if (sources.length === 0) return;
  const rows = sources.map(({ label, source }) => ({
    id: options.random.uuid(),
    session_id: sessionId,
    at: options.clock.now(),
    label,
    source,
    run: runId,
    cleared_at: null,
    cleared_by: null,
    cleared_reason: null,
  }));
  await trx.insertInto('taint_events').values(rows).execute();
}

async function append(
  trx: Trx,
  options: SessionStoreOptions,
  place: { readonly sessionId: string; readonly messageCount: number },
  runId: string,
  messages: readonly NewMessage[],
): Promise<readonly StoredMessage[]> {
  if (messages.length === 0) return [];
  const at = options.clock.now();
  const rows = messages.map((message, index) => ({
    session_id: place.sessionId,
    seq: place.messageCount + index + 1,
    id: options.random.uuid(),
    at,
    run: runId,
    role: message.role,
    taint: JSON.stringify(message.taint),
    body: messageBody(message),
  }));
  await trx.insertInto('messages').values(rows).execute();
  return rows.map(toMessage);
}

function appended(
  count: number,
  messages: readonly NewMessage[],
): { message_count: number; preview?: string } {
  const preview = messages.map(previewOf).findLast((text) => text !== undefined);
  return { message_count: count + messages.length, ...(preview === undefined ? {} : { preview }) };
}

async function context(db: Kysely<SessionTables>, sessionId: string): Promise<readonly StoredMessage[]> {
  const rows = () => db.selectFrom('messages').selectAll().where('session_id', '=', sessionId);
  const found = await rows().where('role', '=', 'summary').orderBy('seq', 'desc').limit(1).execute();
  const summary = found.map(toMessage)[0];
  const upTo = summary?.role === 'summary' ? summary.upTo : 0;
  const later = await rows()
    .where('seq', '>', upTo)
    .where('role', '!=', 'summary')
    .orderBy('seq', 'desc')
    .limit(MAX_CONTEXT_ROWS)
    .execute();
  const messages = later.reverse().map(toMessage);
  if (summary === undefined) return messages;
  if (messages.some((message) => message.role === 'user')) return [summary, ...messages];
  const user = await rows().where('role', '=', 'user').orderBy('seq', 'desc').limit(1).execute();
  return [summary, ...user.map(toMessage), ...messages];
}
