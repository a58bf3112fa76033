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

const Label = Type.Enum(['untrusted', 'private']);

export const TaintSchema = strict(
  {
    lost: Type.Array(
      strict({
        action: Type.String({ description: 'Kind of action, for example `exec`.' }),
        effect: Type.Enum(['ask', 'deny']),
        because: Type.String(),
      }),
      { description: 'What the session may no longer do on its own.' },
    ),
    sources: Type.Array(
      strict({
        label: Label,
        source: Type.String({ description: 'Where the content came from.' }),
        at: Type.Number({ description: 'Unix milliseconds.' }),
        run: orNull(Type.String()),
        clearedAt: orNull(Type.Number()),
        clearedBy: orNull(Type.String()),
        clearedReason: orNull(Type.String()),
      }),
      { description: 'Oldest first, those that a person cleared included.' },
    ),
    files: Type.Array(Type.String(), { description: 'Files that it wrote with a label, on the host.' }),
  },
  { description: 'What the session has read, and what that took away.' },
);
