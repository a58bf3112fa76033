import { existingSession } from '../access.ts';
import { defineOperation } from '../define.ts';
import { SessionKey, strict } from '../schema.ts';
import { SessionResult } from './schema.ts';

export const sessionsReset = defineOperation({
  id: 'sessions.reset',
  summary: 'Start a session anew under the same key',
  description: 'A running turn is stopped. The old messages are kept under the old session id.',
  input: strict({ sessionKey: SessionKey }),
  output: SessionResult,
  scope: 'operator.write',
  effect: 'change',
  errors: ['OP_SESSION_NOT_FOUND', 'SESSION_KEY_INVALID', 'SESSION_BUSY'],
  cli: {
    command: 'sessions reset',
    positional: ['sessionKey'],
    examples: ['gatehouse sessions reset main'],
    offline: false,
  },
  async run(context, { sessionKey }) {
    const { sessions, turns } = context.services;
    const row = await existingSession(context, sessionKey);
    await turns.abort(row.space, row.key);
    return { session: await sessions.reset(row.space, row.key) };
  },
});
