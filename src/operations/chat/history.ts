import { Type } from 'typebox';
import { findSession } from '../access.ts';
import { defineOperation } from '../define.ts';
import { shownRunId } from '../run-id.ts';
import { orNull, page, SessionKey, strict } from '../schema.ts';
import { MessageSchema } from './schema.ts';

const DEFAULT_LIMIT = 200;

export const chatHistory = defineOperation({
  id: 'chat.history',
  summary: 'Show the messages of a session, newest page first',
  description: 'An unknown session has an empty history, so that a client can open one before it exists.',
  input: strict({
    sessionKey: SessionKey,
    limit: Type.Optional(page(`Messages at most; ${DEFAULT_LIMIT} when absent.`)),
    beforeSeq: Type.Optional(Type.Integer({ description: 'Only messages before this number.', minimum: 1 })),
    all: Type.Optional(
      Type.Boolean({ description: 'Administrators: any space; the key may then be a session id.' }),
    ),
  }),
  output: strict({
    sessionKey: Type.String({ description: 'The canonical key.' }),
    sessionId: orNull(Type.String()),
    messages: Type.Array(MessageSchema, { description: 'In order, oldest first.' }),
    hasMore: Type.Boolean({ description: 'Whether older messages exist.' }),
    inFlight: orNull(
      strict(
        { runId: Type.String(), text: Type.String(), startedAt: Type.Number() },
        { description: 'The running turn with its text so far.' },
      ),
    ),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['SESSION_KEY_INVALID'],
  cli: {
    command: 'chat history',
    positional: ['sessionKey'],
    examples: ['gatehouse chat history main --limit 20'],
    offline: true,
  },
  async run(context, input) {
    const { services, caller } = context;
    const row = await findSession(context, input.sessionKey, input.all);
    if (row === undefined) {
      const { defaultAgent } = services.config.current();
      const sessionKey = services.sessions.canonicalKey(input.sessionKey, defaultAgent);
      return { sessionKey, sessionId: null, messages: [], hasMore: false, inFlight: null };
    }
    const limit = input.limit ?? DEFAULT_LIMIT;
    const messages = await services.sessions.history(row.sessionId, {
      limit,
      ...(input.beforeSeq === undefined ? {} : { beforeSeq: input.beforeSeq }),
    });
    const running = services.turns.inFlight(input.all === true ? row.space : caller.space, row.key);
    return {
      sessionKey: row.key,
      sessionId: row.sessionId,
      messages,
      hasMore: (messages[0]?.seq ?? 1) > 1,
      inFlight: running === undefined ? null : { ...running, runId: shownRunId(running.runId) },
    };
  },
});
