import type { FastifyInstance } from 'fastify';
import { isLoopback } from '../../controls/listen/index.ts';
import type { HttpSurfaceParts, RequestState } from './parts.ts';

const METHODS = ['GET', 'HEAD'];

/** Liveness, readiness and start-up, without authentication; each under both names that OpenClaw knows. */
export function addProbes(app: FastifyInstance, parts: HttpSurfaceParts, state: RequestState): void {
  const uptimeMs = (): number => Math.max(0, Date.now() - parts.runtime.startedAt);

  for (const url of ['/healthz', '/health']) {
    app.route({ method: METHODS, url, handler: () => ({ ok: true, status: 'live' }) });
  }

  for (const url of ['/readyz', '/ready']) {
    app.route({
      method: METHODS,
      url,
      handler: (request, reply) => {
        const { ready, failing } = parts.runtime.ready();
        const { address } = state.arrivalOf(request.raw).peer;
        const isNear = address === 'unix' || isLoopback(address);
        reply.code(ready ? 200 : 503);
        // What is failing is told on this machine only; elsewhere it would map the install.
        return isNear ? { ready, failing, uptimeMs: uptimeMs() } : { ready };
      },
    });
  }

  for (const url of ['/startupz', '/startup']) {
    app.route({
      method: METHODS,
      url,
      handler: () => ({
        ok: true,
        status: 'started',
        version: parts.runtime.version,
        uptimeMs: uptimeMs(),
      }),
    });
  }
}
