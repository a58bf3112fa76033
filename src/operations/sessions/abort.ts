import { Type } from 'typebox';
import { existingSession } from '../access.ts';
import { defineOperation } from '../define.ts';
import { ownRunId, shownRunId } from '../run-id.ts';
import { name, SessionKey, strict } from '../schema.ts';

export const sessionsAbort = defineOperation({
  id: 'sessions.abort',
  summary: 'Stop what a session is doing',
  input: strict({
    sessionKey: SessionKey,
    runId: Type.Optional(name('Only this run.')),
    all: Type.Optional(
      Type.Boolean({ description: 'Administrators: any space; the key may then be a session id.' }),
    ),
  }),
  output: strict({
    aborted: Type.Boolean({ description: 'Whether anything was stopped.' }),
    runIds: Type.Array(Type.String(), { description: 'The runs that were stopped.' }),
  }),
  scope: 'operator.write',
  effect: 'change',
  errors: ['OP_SESSION_NOT_FOUND', 'SESSION_KEY_INVALID'],
  cli: {
    command: 'sessions abort',
    positional: ['sessionKey'],
    examples: ['gatehouse sessions abort main'],
    offline: false,
  },
  async run(context, input) {
    const row = await existingSession(context, input.sessionKey, input.all);
    const only = input.runId === undefined ? undefined : ownRunId(row.space, input.runId);
    const runIds = (await context.services.turns.abort(row.space, row.key, only)).map(shownRunId);
    return { aborted: runIds.length > 0, runIds };
  },
});
