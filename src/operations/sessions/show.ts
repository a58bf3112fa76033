import { Type } from 'typebox';
import { existingSession } from '../access.ts';
import { defineOperation } from '../define.ts';
import { orNull, SessionKey, strict } from '../schema.ts';
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
  output: strict({
    session: SessionSchema,
    taint: TaintSchema,
    workspace: orNull(
      strict({
        path: Type.String({ description: 'Folder of the host.' }),
        createdAt: Type.Number({ description: 'Unix milliseconds.' }),
        removedAfter: Type.Number({ description: 'Unix milliseconds, if the session is not used again.' }),
      }),
    ),
  }),
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
    const { config, tasks } = context.services;
    const policy = config.current().agents.get(session.agent);
    const own = policy === undefined ? undefined : await tasks.find(policy, session.sessionId);
    const workspace =
      own === undefined ? null : { path: own.path, createdAt: own.createdAt, removedAfter: own.removedAfter };
    return { session, taint: await taintOf(context, session), workspace };
  },
});
