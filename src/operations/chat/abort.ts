import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { ownRunId, shownRunId } from '../run-id.ts';
import { name, SessionKey, strict } from '../schema.ts';

export const chatAbort = defineOperation({
  id: 'chat.abort',
  summary: 'Stop the running turn of a session',
  description: 'Nothing running is not an error.',
  input: strict({
    sessionKey: SessionKey,
    runId: Type.Optional(name('Only this run; all of the session when absent.')),
  }),
  output: strict({
    aborted: Type.Boolean({ description: 'Whether anything was stopped.' }),
    runIds: Type.Array(Type.String(), { description: 'The runs that were stopped.' }),
  }),
  scope: 'operator.write',
  effect: 'change',
  errors: ['SESSION_KEY_INVALID'],
  cli: {
    command: 'chat abort',
    positional: ['sessionKey'],
    examples: ['gatehouse chat abort main'],
    offline: false,
  },
  async run({ caller, services }, input) {
    const { defaultAgent } = services.config.current();
    const sessionKey = services.sessions.canonicalKey(input.sessionKey, defaultAgent);
    const only = input.runId === undefined ? undefined : ownRunId(caller.space, input.runId);
    const runIds = (await services.turns.abort(caller.space, sessionKey, only)).map(shownRunId);
    return { aborted: runIds.length > 0, runIds };
  },
});
