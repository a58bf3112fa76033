import { Type } from 'typebox';
import { existingSession } from '../access.ts';
import { defineOperation } from '../define.ts';
import { SessionKey, strict } from '../schema.ts';
import { SessionSchema, TaintSchema } from './schema.ts';
import { taintOf } from './taint.ts';

export const sessionsUntaint = defineOperation({
  id: 'sessions.untaint',
  summary: 'Take the labels of a session away, because a person has looked at what it read',
  description:
    'Who, why and when is kept with the session and in the ledger. The text that the labels came from stays in the conversation.',
  input: strict({
    sessionKey: SessionKey,
    reason: Type.String({ minLength: 8, maxLength: 500, description: 'Why it is safe, for the record.' }),
    files: Type.Optional(Type.Boolean({ description: 'Also for the files that the session wrote.' })),
    all: Type.Optional(
      Type.Boolean({ description: 'Administrators: any space; the key may then be a session id.' }),
    ),
  }),
  output: strict({ session: SessionSchema, taint: TaintSchema }),
  scope: 'operator.approvals',
  effect: 'high-impact',
  errors: ['OP_SESSION_NOT_FOUND', 'SESSION_KEY_INVALID', 'SESSION_NOT_FOUND', 'SESSION_BUSY'],
  cli: {
    command: 'sessions clear-taint',
    positional: ['sessionKey'],
    examples: ['gatehouse sessions clear-taint main --reason "read the page myself, it is ours" --files'],
    offline: false,
  },
  async run(context, { sessionKey, reason, files, all }) {
    const { sessions, ledger } = context.services;
    const { space, key, taint, sessionId } = await existingSession(context, sessionKey, all);
    const { subject } = context.caller;
    await ledger.append({
      type: 'change',
      action: 'taint.cleared',
      outcome: 'success',
      subject,
      data: { session: sessionId, labels: taint, reason, files: files === true },
    });
    const clearance = { by: subject.principal, reason, files: files === true };
    const session = await sessions.clearTaint(space, key, clearance);
    return { session, taint: await taintOf(context, session) };
  },
});
