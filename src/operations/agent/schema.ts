import { Type } from 'typebox';
import type { TurnEvent } from '../../agents/types.ts';
import { strict } from '../schema.ts';

export const UsageSchema = strict(
  {
    inputTokens: Type.Number({ description: 'Tokens read by the model.' }),
    outputTokens: Type.Number({ description: 'Tokens written by the model.' }),
  },
  { description: 'What the turn cost in tokens.' },
);

const TURN_EVENT_TYPES: readonly TurnEvent['type'][] = [
  'started',
  'status',
  'model',
  'text',
  'tool.requested',
  'tool.approval',
  'tool.started',
  'tool.output',
  'tool.finished',
  'message',
  'taint',
  'finished',
  'aborted',
  'failed',
];

/** The envelope of every event; what else it carries depends on `type`. */
export const TurnEventSchema = Type.Unsafe<TurnEvent>(
  Type.Object(
    {
      type: Type.Enum([...TURN_EVENT_TYPES], { description: 'What happened.' }),
      runId: Type.String({ description: 'The turn it belongs to.' }),
      space: Type.String(),
      sessionKey: Type.String(),
      sessionId: Type.String(),
      agent: Type.String(),
      seq: Type.Integer({ description: 'Grows within the run from 1.' }),
      at: Type.Number({ description: 'Unix milliseconds.' }),
    },
    { additionalProperties: true, description: 'One step of a turn.' },
  ),
);
