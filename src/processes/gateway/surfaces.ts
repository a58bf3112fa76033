import type { ConnectGrant } from '../../controls/auth/types.ts';
import { LISTEN_LIMITS, RateLimiter, Receiving } from '../../controls/listen/index.ts';
import type { Clock, Logger, Random } from '../../kernel/index.ts';
import { spaceOf } from '../../operations/callers.ts';
import type { Dispatcher } from '../../operations/define.ts';
import { createHttpSurface, type HttpSurface, type HttpSurfaceParts } from '../../surfaces/http/index.ts';
import { createWsSurface, type WsSurface } from '../../surfaces/ws/index.ts';
import type { Core } from '../core.ts';
import { requestRules } from './listening.ts';
import { openFiles } from './open-files.ts';
import type { GatewayRuntime } from './runtime.ts';

export interface SurfaceParts {
  readonly core: Core;
  readonly dispatcher: Dispatcher;
  readonly runtime: GatewayRuntime;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Deliveries of chat platforms. */
  readonly webhooks: NonNullable<HttpSurfaceParts['webhooks']>;
  readonly onParent: NonNullable<HttpSurfaceParts['onParent']>;
}

export interface Surfaces {
  readonly http: HttpSurface;
  readonly ws: WsSurface;
}

/** What translates for callers: HTTP and WebSocket over one dispatcher. */
export async function createSurfaces(parts: SurfaceParts): Promise<Surfaces> {
  const { core, dispatcher, runtime, clock, random, logger } = parts;
  const config = () => core.config.current();
  const byAddress = new RateLimiter(clock);
  const byPrincipal = new RateLimiter(clock);
  const principal = (id: string) => byPrincipal.take(id, config().config.gateway.rateLimit.perPrincipal);
  const receiving = new Receiving(LISTEN_LIMITS);
  const files = openFiles();
  const http = await createHttpSurface({
    dispatcher,
    auth: core.auth,
    callerOf: core.callers.callerOf,
    rates: {
      address: (address) =>
        byAddress.take(core.auth.buckets.of(address), config().config.gateway.rateLimit.perAddress),
      principal,
    },
    connections: () => connectionBounds(config().config.gateway.connections, files),
    receiving,
    runtime,
    logger,
    rules: () => requestRules(config()),
    proxyIdentity: () => config().config.gateway.auth.trustedProxy,
    webhooks: parts.webhooks,
    onParent: parts.onParent,
    openai: () => config().config.gateway.http.endpoints.chatCompletions.enabled,
  });
  const ws = createWsSurface({
    dispatcher,
    auth: core.auth,
    denials: core.denials,
    turns: core.turns,
    approvals: core.approvals,
    clock,
    random,
    logger,
    callerOf: (grant, trace, published) => callerOf(core, grant, trace, published),
    rate: principal,
    receiving,
    hello: () => ({
      version: runtime.version,
      uptimeMs: Math.max(0, clock.now() - runtime.startedAt),
      defaultAgent: config().defaultAgent,
    }),
  });
  return { http, ws };
}

/** Fewer scopes on a connection take rights away; whose conversations these are stays the same. */
function callerOf(core: Core, grant: ConnectGrant, trace: string, published: boolean) {
  const narrowed = { ...grant.principal, scopes: grant.scopes };
  const whole = { ...grant.principal, scopes: grant.holds ?? grant.scopes };
  return { ...core.callers.callerOf(narrowed, 'ws', trace, published), space: spaceOf(whole) };
}

/** Descriptors that files, databases, egress and runs get before any connection does (attack 93). */
const OTHER_FILES = 256;

/** A connection is an open file: what the system allows bounds what the configuration asks for. */
export function connectionBounds(
  { total, perPrincipal }: { readonly total: number; readonly perPrincipal: number },
  files: number,
) {
  const connections = Math.max(1, Math.min(total, files - OTHER_FILES));
  return { connections, connectionsPerPrincipal: Math.min(perPrincipal, connections) };
}
