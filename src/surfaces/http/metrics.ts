import type { FastifyInstance } from 'fastify';
import { CONTENT_TYPE } from '../../controls/metrics/index.ts';
import type { HttpSurfaceParts, RequestState } from './parts.ts';

/** What Prometheus scrapes. Only the metrics plane offers this path (L3); the operation behind it decides who may. */
export function addMetrics(app: FastifyInstance, parts: HttpSurfaceParts, state: RequestState): void {
  app.get('/metrics', { onRequest: state.authenticate }, async (request, reply) => {
    const caller = state.callerOf(request.raw);
    const { text } = (await parts.dispatcher.call('metrics.show', caller, {})) as { readonly text: string };
    return reply.header('content-type', CONTENT_TYPE).header('cache-control', 'no-store').send(text);
  });
}
