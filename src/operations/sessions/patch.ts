import { Type } from 'typebox';
import { existingSession } from '../access.ts';
import { defineOperation } from '../define.ts';
import { name, orNull, SessionKey, strict } from '../schema.ts';
import { SessionResult } from './schema.ts';

export const sessionsPatch = defineOperation({
  id: 'sessions.patch',
  summary: 'Change settings of a session',
  description: 'An absent key stays as it is; null clears it.',
  input: strict({
    sessionKey: SessionKey,
    label: Type.Optional(orNull(name('What to call it.'))),
    model: Type.Optional(orNull(name('`provider/model` for its turns.'))),
    thinkingLevel: Type.Optional(orNull(name('How much the model thinks.'))),
    verboseLevel: Type.Optional(orNull(name('How much is told about tools.'))),
    archived: Type.Optional(Type.Boolean({ description: 'Put it away.' })),
    pinned: Type.Optional(Type.Boolean({ description: 'Keep it on top.' })),
  }),
  output: SessionResult,
  scope: 'operator.write',
  effect: 'change',
  errors: ['OP_SESSION_NOT_FOUND', 'SESSION_KEY_INVALID', 'SESSION_PATCH_INVALID'],
  cli: {
    command: 'sessions patch',
    positional: ['sessionKey'],
    examples: ['gatehouse sessions patch main --label "Daily work" --pinned'],
    offline: false,
  },
  async run(context, { sessionKey, ...patch }) {
    const row = await existingSession(context, sessionKey);
    return { session: await context.services.sessions.patch(row.space, row.key, patch) };
  },
});
