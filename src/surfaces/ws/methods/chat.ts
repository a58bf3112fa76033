import { randomUUID } from 'node:crypto';
import type { StoredMessage, TurnOutcome } from '../../../agents/types.ts';
import type { Method, MethodContext } from '../method.ts';
import { defined, optionalNumber, optionalText, text } from '../params.ts';
import { historyRow, sessionRow } from '../rows.ts';
import { find, usualModels } from './sessions.ts';

const MAX_HISTORY = 1_000;
const MAX_WAIT_MS = 60 * 60 * 1000;

async function send(context: MethodContext, params: Readonly<Record<string, unknown>>, sessionKey: string) {
  const idempotencyKey = optionalText(params, 'idempotencyKey') ?? randomUUID();
  context.holdRun(idempotencyKey);
  const result = await context.call(
    'chat.send',
    defined({
      sessionKey,
      message: text(params, 'message'),
      idempotencyKey,
      agent: optionalText(params, 'agentId'),
      timeoutMs: optionalNumber(params, 'timeoutMs', 1, MAX_WAIT_MS * 24),
    }),
  );
  return { runId: result['runId'], status: result['status'] };
}

/** `beforeSeq` of a page that starts so many messages before the end; undefined for the newest page. */
async function pageStart(context: MethodContext, sessionKey: string, offset: number) {
  if (offset === 0) return undefined;
  const { messages } = await context.call('chat.history', { sessionKey, limit: 1 });
  const last = (messages as readonly StoredMessage[])[0]?.seq ?? 0;
  return Math.max(1, last + 1 - offset);
}

async function history(context: MethodContext, params: Readonly<Record<string, unknown>>) {
  const sessionKey = text(params, 'sessionKey');
  const offset = optionalNumber(params, 'offset', 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const limit = optionalNumber(params, 'limit', 1, MAX_HISTORY);
  const beforeSeq = await pageStart(context, sessionKey, offset);
  const result = await context.call('chat.history', defined({ sessionKey, limit, beforeSeq }));
  const session = await find(context, sessionKey);
  const usual = session === undefined ? undefined : (await usualModels(context)).get(session.agent);
  const messages = result['messages'] as readonly StoredMessage[];
  const running = result['inFlight'] as { runId: string; text: string; startedAt: number } | null;
  return {
    sessionKey: result['sessionKey'],
    sessionId: result['sessionId'] ?? '',
    messages: messages.map(historyRow),
    hasMore: result['hasMore'],
    ...(result['hasMore'] === true ? { nextOffset: offset + messages.length } : {}),
    ...(session === undefined ? {} : { sessionInfo: sessionRow(session, usual) }),
    ...(running === null ? {} : { inFlightRun: running }),
  };
}

/** The second answer of `agent`: how the run ended. */
async function finish(context: MethodContext, runId: string, timeoutMs: number): Promise<void> {
  const result = await context.call('run.wait', { runId, timeoutMs });
  const outcome = result['outcome'] as TurnOutcome | undefined;
  if (outcome?.status === 'ok') {
    context.answerAgain({
      runId,
      status: 'ok',
      summary: 'completed',
      result: {
        payloads: [{ text: outcome.text }],
        meta: { stopReason: outcome.stopReason, usage: outcome.usage },
      },
    });
    return;
  }
  const message =
    outcome === undefined
      ? 'the run did not end in time'
      : outcome.status === 'error'
        ? outcome.message
        : 'aborted';
  context.answerAgain(
    { runId, status: outcome === undefined ? 'timeout' : 'error', summary: message },
    {
      code: 'UNAVAILABLE',
      message,
      ...(outcome?.status === 'error'
        ? { details: { gatehouse: { code: outcome.code, fix: outcome.fix } } }
        : {}),
    },
  );
}

async function agent(context: MethodContext, params: Readonly<Record<string, unknown>>) {
  const sessionKey = optionalText(params, 'sessionKey') ?? optionalText(params, 'sessionId') ?? 'main';
  const started = await send(context, params, sessionKey);
  const runId = String(started.runId);
  const timeoutMs = (optionalNumber(params, 'timeout', 0, MAX_WAIT_MS / 1000) || MAX_WAIT_MS / 1000) * 1000;
  // The first answer goes out before the wait begins; a failure of the wait is itself the second answer.
  setImmediate(() => {
    finish(context, runId, timeoutMs).catch((thrown: unknown) => {
      const message = thrown instanceof Error ? thrown.message : 'the run was lost';
      context.answerAgain({ runId, status: 'error', summary: message }, { code: 'UNAVAILABLE', message });
    });
  });
  return { runId, status: 'accepted', acceptedAt: context.now() };
}

export const CHAT_METHODS: readonly Method[] = [
  { name: 'chat.send', handle: (context, params) => send(context, params, text(params, 'sessionKey')) },
  { name: 'sessions.send', handle: (context, params) => send(context, params, text(params, 'key')) },
  { name: 'chat.history', handle: history },
  {
    name: 'chat.abort',
    async handle(context, params) {
      const result = await context.call(
        'chat.abort',
        defined({ sessionKey: text(params, 'sessionKey'), runId: optionalText(params, 'runId') }),
      );
      return { ok: true, aborted: result['aborted'], runIds: result['runIds'] };
    },
  },
  { name: 'agent', handle: agent },
  {
    name: 'agent.wait',
    async handle(context, params) {
      const runId = text(params, 'runId');
      const timeoutMs = optionalNumber(params, 'timeoutMs', 1, MAX_WAIT_MS) ?? 30_000;
      const result = await context.call('run.wait', { runId, timeoutMs });
      const outcome = result['outcome'] as TurnOutcome | undefined;
      if (outcome === undefined) return { runId, status: 'timeout' };
      return outcome.status === 'error'
        ? { runId, status: 'error', endedAt: context.now(), error: outcome.message }
        : { runId, status: 'ok', endedAt: context.now() };
    },
  },
];
