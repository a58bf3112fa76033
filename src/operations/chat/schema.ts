import { Type } from 'typebox';
import { UsageSchema } from '../agent/schema.ts';
import { orNull, strict } from '../schema.ts';

const Part = Type.Union([
  strict({ type: Type.Literal('text'), text: Type.String() }),
  strict({
    type: Type.Literal('toolCall'),
    id: Type.String(),
    name: Type.String(),
    arguments: Type.Unknown(),
  }),
]);

const base = {
  id: Type.String(),
  seq: Type.Integer({ description: '1, 2, 3 ... within the session.' }),
  at: Type.Number({ description: 'Unix milliseconds.' }),
  run: orNull(Type.String()),
  taint: Type.Array(Type.Enum(['untrusted', 'private']), {
    description: 'What kind of content it brought in.',
  }),
};

export const MessageSchema = Type.Union(
  [
    strict({ ...base, role: Type.Literal('user'), content: Type.Array(Part) }),
    strict({
      ...base,
      role: Type.Literal('assistant'),
      content: Type.Array(Part),
      model: Type.String(),
      usage: Type.Optional(UsageSchema),
      stopReason: Type.Optional(Type.String()),
    }),
    strict({
      ...base,
      role: Type.Literal('toolResult'),
      toolCallId: Type.String(),
      toolName: Type.String(),
      content: Type.String(),
      isError: Type.Boolean(),
    }),
    strict({ ...base, role: Type.Literal('summary'), content: Type.String(), upTo: Type.Integer() }),
  ],
  { description: 'One committed message.' },
);
