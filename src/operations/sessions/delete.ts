import { Type } from 'typebox';
import { existingSession } from '../access.ts';
import { defineOperation } from '../define.ts';
import { SessionKey, strict } from '../schema.ts';

export const sessionsDelete = defineOperation({
  id: 'sessions.delete',
  summary: 'Delete a session and its messages',
  description: 'A running turn is stopped first. What the session did stays in the ledger.',
  input: strict({ sessionKey: SessionKey }),
  output: strict({
    sessionKey: Type.String({ description: 'The canonical key.' }),
    deleted: Type.Boolean(),
  }),
  scope: 'operator.write',
  effect: 'high-impact',
  errors: ['OP_SESSION_NOT_FOUND', 'SESSION_KEY_INVALID', 'SESSION_BUSY'],
  cli: {
    command: 'sessions delete',
    positional: ['sessionKey'],
    examples: ['gatehouse sessions delete research'],
    offline: false,
  },
  async run(context, input) {
    const { sessions, turns } = context.services;
    const row = await existingSession(context, input.sessionKey);
    await turns.abort(row.space, row.key);
    return { sessionKey: row.key, deleted: await sessions.delete(row.space, row.key) };
  },
});
