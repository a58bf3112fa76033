import { Type } from 'typebox';
import { orNull, strict } from '../schema.ts';

export const SessionSchema = strict(
  {
    space: Type.String({ description: 'Whose session it is: `operator`, or a principal id.' }),
    key: Type.String({ description: '`agent:<agent>:<name>`.' }),
    sessionId: Type.String({ description: 'Changes when the session is reset.' }),
    agent: Type.String(),
    label: orNull(Type.String()),
    status: Type.Enum(['idle', 'running', 'waiting', 'done', 'failed', 'interrupted', 'aborted']),
    createdAt: Type.Number({ description: 'Unix milliseconds.' }),
    updatedAt: Type.Number({ description: 'Unix milliseconds.' }),
    messageCount: Type.Integer(),
    lastMessagePreview: orNull(Type.String()),
    taint: Type.Array(Type.Enum(['untrusted', 'private']), {
      description: 'What the session has read; each label takes authority away.',
    }),
    model: orNull(Type.String()),
    thinkingLevel: orNull(Type.String()),
    verboseLevel: orNull(Type.String()),
    archived: Type.Boolean(),
    pinned: Type.Boolean(),
    inputTokens: Type.Number(),
    outputTokens: Type.Number(),
    activeRunId: orNull(Type.String()),
  },
  { description: 'One conversation.' },
);

export const SessionResult = strict({ session: SessionSchema });
