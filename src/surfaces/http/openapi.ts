import type { Operation } from '../../operations/define.ts';

const ERROR = {
  type: 'object',
  required: ['ok', 'error'],
  properties: {
    ok: { const: false },
    error: {
      type: 'object',
      required: ['code', 'message', 'fix'],
      properties: {
        code: { type: 'string' },
        message: { type: 'string' },
        fix: { type: 'string' },
        details: { type: 'object' },
      },
    },
  },
};

function json(schema: unknown): object {
  return { 'application/json': { schema } };
}

function pathOf(operation: Operation): object {
  const answer = {
    type: 'object',
    required: ['ok', 'result'],
    properties: { ok: { const: true }, result: operation.output },
  };
  const stream =
    operation.stream === undefined ? {} : { 'application/x-ndjson': { schema: operation.stream } };
  return {
    post: {
      operationId: operation.id,
      summary: operation.summary,
      ...(operation.description === undefined ? {} : { description: operation.description }),
      tags: [operation.id.split('.')[0]],
      security: [{ bearer: [] }],
      'x-gatehouse-scope': operation.scope,
      'x-gatehouse-effect': operation.effect,
      'x-gatehouse-errors': operation.errors,
      requestBody: { required: false, content: json(operation.input) },
      responses: {
        200: { description: 'The result.', content: { ...json(answer), ...stream } },
        default: {
          description: 'A failure, with a stable code.',
          content: json({ $ref: '#/components/schemas/Error' }),
        },
      },
    },
  };
}

/** OpenAPI 3.1 of all operations, made from the same array that is served. */
export function openApiOf(operations: readonly Operation[], version: string): object {
  return {
    openapi: '3.1.0',
    info: { title: 'Gatehouse', version },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: ERROR },
    },
    paths: Object.fromEntries(operations.map((operation) => [`/api/v1/${operation.id}`, pathOf(operation)])),
  };
}
