import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';

const DEFAULT_LINES = 200;
const MAX_LINES = 5_000;
const DEFAULT_BYTES = 250_000;
const MAX_BYTES = 1_000_000;

export const logsTail = defineOperation({
  id: 'logs.tail',
  summary: "Show lines of the gateway's log",
  description: 'It holds the causes of failures of everybody, which no answer tells.',
  input: strict({
    cursor: Type.Optional(
      Type.Integer({
        description: 'Byte offset of an earlier answer; the end of the log when absent.',
        minimum: 0,
      }),
    ),
    limit: Type.Optional(Type.Integer({ description: 'Lines at most.', minimum: 1, maximum: MAX_LINES })),
    maxBytes: Type.Optional(Type.Integer({ description: 'Bytes at most.', minimum: 1, maximum: MAX_BYTES })),
  }),
  output: strict({
    lines: Type.Array(Type.String()),
    cursor: Type.Integer({ description: 'Where to go on.' }),
    size: Type.Integer(),
    reset: Type.Boolean({ description: 'The given cursor no longer exists; start over.' }),
    truncated: Type.Boolean(),
    file: Type.String(),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: {
    command: 'logs tail',
    examples: ['gatehouse logs tail --limit 50'],
    offline: true,
  },
  async run({ services }, { cursor, limit = DEFAULT_LINES, maxBytes = DEFAULT_BYTES }) {
    const { runtime } = services;
    if (cursor !== undefined) return runtime.tailLog(cursor, limit, maxBytes);
    const { size } = await runtime.tailLog(0, 1, 1);
    const end = await runtime.tailLog(Math.max(0, size - maxBytes), MAX_LINES, maxBytes);
    return { ...end, lines: end.lines.slice(-limit) };
  },
});
