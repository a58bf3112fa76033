import { Type } from 'typebox';
import { existingSession } from '../access.ts';
import { defineOperation } from '../define.ts';
import { SessionKey, strict } from '../schema.ts';
import { SessionSchema, TaintSchema } from './schema.ts';
import { taintOf } from './taint.ts';

export const sessionsShow = defineOperation({
  id: 'sessions.show',
  summary: 'Show one session, what it has read and what that took away from it',
  input: strict({
    sessionKey: SessionKey,
    all: Type.Optional(
      Type.Boolean({ description: 'Administrators: any space; the key may then be a session id.' }),
    ),
  }),
  output: strict({ session: SessionSchema, taint: TaintSchema }),
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
    const session = await existingSession(context, input.sessionKey, input.all);
    return { session, taint: await taintOf(context, session) };
  },
});
