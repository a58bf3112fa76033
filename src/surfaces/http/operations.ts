import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BODY_LIMITS, LISTEN_LIMITS } from '../../controls/listen/index.ts';
import type { Caller } from '../../operations/define.ts';
import { asHttpError, operationFailure } from './errors.ts';
import { openApiOf } from './openapi.ts';
import type { HttpSurfaceParts, RequestState } from './parts.ts';
import { disconnectSignal, StreamWriter } from './stream-writer.ts';

export const OPERATION_PREFIX = '/api/v1/';
const NDJSON = 'application/x-ndjson';

/** Every operation as `POST /api/v1/<id>`, and their description as OpenAPI. */
export function addOperations(app: FastifyInstance, parts: HttpSurfaceParts, state: RequestState): void {
  const bufferedBytes = (parts.limits ?? LISTEN_LIMITS).bufferedBytes;

  app.post<{ Params: { id: string } }>(
    `${OPERATION_PREFIX}:id`,
    { bodyLimit: BODY_LIMITS.operation, onRequest: state.authenticate },
    async (request, reply) => {
      const caller = state.callerOf(request.raw);
      const { id } = request.params;
      const isStreaming = parts.dispatcher.operations.some((op) => op.id === id && op.stream !== undefined);
      if (isStreaming && wantsEvents(request)) {
        return streamed(parts, reply, id, caller, request.body ?? {}, bufferedBytes);
      }
      const signal = disconnectSignal(reply.raw);
      const result = await parts.dispatcher.call(id, caller, request.body ?? {}, { signal });
      return { ok: true, result };
    },
  );

  app.get('/openapi.json', { onRequest: state.authenticate }, () =>
    openApiOf(parts.dispatcher.operations, parts.runtime.version),
  );
}

function wantsEvents(request: FastifyRequest): boolean {
  return (request.headers.accept ?? '').toLowerCase().includes(NDJSON);
}

/**
 * `{"event":...}` lines and a last `{"result":...}` or `{"error":{...}}`. A failure before the first event keeps its
 * own HTTP status.
 */
async function streamed(
  parts: HttpSurfaceParts,
  reply: FastifyReply,
  id: string,
  caller: Caller,
  input: unknown,
  bufferedBytes: number,
): Promise<FastifyReply | undefined> {
  const writer = new StreamWriter(reply.raw, bufferedBytes);
  const line = (value: unknown): void => {
    if (!writer.started) writer.start(`${NDJSON}; charset=utf-8`);
    writer.write(`${JSON.stringify(value)}\n`);
  };
  const signal = disconnectSignal(reply.raw);
  try {
    const emit = (event: unknown): void => {
      if (!reply.sent) reply.hijack();
      line({ event });
    };
    const result = await parts.dispatcher.call(id, caller, input, { signal, emit });
    if (!reply.sent) reply.hijack();
    line({ result });
  } catch (thrown) {
    if (!writer.started) throw thrown;
    line({ error: operationFailure(asHttpError(thrown)).error });
  }
  writer.end('');
  return undefined;
}
