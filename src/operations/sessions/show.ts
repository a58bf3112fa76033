import { Type } from 'typebox';
import { existingSession } from '../access.ts';
import { defineOperation } from '../define.ts';
import { SessionKey, strict } from '../schema.ts';
import { SessionResult } from './schema.ts';

export const sessionsShow = defineOperation({
  id: 'sessions.show',
  summary: 'Show one session',
  input: strict({
    sessionKey: SessionKey,
    all: Type.Optional(
      Type.Boolean({ description: 'Administrators: any space; the key may then be a session id.' }),
    ),
  }),
  output: SessionResult,
  scope: 'operator.read',
  effect: 'read',
  errors: ['OP_SESSION_NOT_FOUND', 'SESSION_KEY_INVALID'],
  cli: {
    command: 'sessions show',
    positional: ['sessionKey'],
    examples: ['gatehouse sessions show main'],
    offline: true,
  },
  async run(context, input) {
    return { session: await existingSession(context, input.sessionKey, input.all) };
  },
});
