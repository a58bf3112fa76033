import { Type } from 'typebox';
import { ownSessionKey } from '../access.ts';
import { defineOperation } from '../define.ts';
import { AgentId, name, SessionKey, strict } from '../schema.ts';
import { SessionResult } from './schema.ts';

export const sessionsCreate = defineOperation({
  id: 'sessions.create',
  summary: 'Open a session, or return it when it exists',
  input: strict({
    sessionKey: SessionKey,
    agent: Type.Optional(AgentId),
    label: Type.Optional(name('What to call it.')),
    model: Type.Optional(name('`provider/model` for its turns.')),
  }),
  output: SessionResult,
  scope: 'operator.write',
  effect: 'change',
  errors: ['OP_AGENT_UNKNOWN', 'AUTH_AGENT_NOT_ALLOWED', 'SESSION_KEY_INVALID'],
  cli: {
    command: 'sessions create',
    positional: ['sessionKey'],
    examples: ['gatehouse sessions create research --label "Market research"'],
    offline: false,
  },
  async run(context, { label, model, ...input }) {
    const { caller, services } = context;
    const { sessionKey } = await ownSessionKey(context, input.sessionKey, input.agent);
    const session = await services.sessions.open(caller.space, sessionKey);
    if (label === undefined && model === undefined) return { session };
    const patch = { ...(label === undefined ? {} : { label }), ...(model === undefined ? {} : { model }) };
    return { session: await services.sessions.patch(caller.space, sessionKey, patch) };
  },
});
