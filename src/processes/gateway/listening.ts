import { chmodSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { EffectiveConfig } from '../../configuration/types.ts';
import {
  type DeclaredListener,
  type ListenerSpec,
  LOOPBACK_HOSTS,
  type RequestRules,
  resolveBind,
} from '../../controls/listen/index.ts';
import type { HttpSurface, Identity } from '../../surfaces/http/index.ts';
import type { WsSurface } from '../../surfaces/ws/index.ts';
import { PROCESS_CODES } from '../codes.ts';
import { namedPort } from '../port.ts';

type Declared = DeclaredListener & { readonly plane: string };

/** The operator's port: GATEHOUSE_PORT, then the configuration. @throws GATEWAY_PORT_INVALID */
export function configuredPort(
  env: Readonly<Record<string, string | undefined>>,
  config: EffectiveConfig,
): number {
  return namedPort(env) ?? config.config.gateway.port;
}

/** Names that requests may carry; read at every request, so that a reload counts at once. */
export function requestRules(config: EffectiveConfig): RequestRules {
  const { gateway } = config.config;
  return {
    allowedHosts: [...LOOPBACK_HOSTS, ...(gateway.allowedHosts ?? [])],
    allowedOrigins: gateway.controlUi?.allowedOrigins ?? [],
    trustedProxies: gateway.trustedProxies ?? [],
  };
}

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((one) => one.address === '::1'),
  );
}

/** What the configuration asks to listen on. @throws LISTEN_EXPOSED and what is missing for it */
export function wantedListeners(config: EffectiveConfig, port: number, now: number): readonly ListenerSpec[] {
  const { gateway } = config.config;
  return resolveBind({
    bind: gateway.bind ?? 'loopback',
    port,
    hasIPv6: hasIPv6(),
    now,
    exposure: {
      authentication: true,
      tls: false,
      trustedProxies: gateway.trustedProxies ?? [],
      allowedAddresses: [],
    },
  });
}

export interface Listening {
  /** The port in use; 0 when only Unix sockets are. */
  readonly port: number;
  readonly declared: readonly Declared[];
}

interface Surfaces {
  readonly http: HttpSurface;
  readonly ws: WsSurface;
}

/** Open the operator's socket and the configured listeners, all or none. */
export async function openListeners(
  surfaces: Surfaces,
  specs: readonly ListenerSpec[],
  run: string,
): Promise<Listening> {
  const socketPath = join(run, 'gateway.sock');
  rmSync(socketPath, { force: true });
  const declared: Declared[] = [{ address: socketPath, port: null, plane: 'operator' }];
  await listen(serverFor(surfaces, 'socket'), { path: socketPath });
  chmodSync(socketPath, 0o600);
  let port = 0;
  for (const spec of specs) {
    const server = serverFor(surfaces, 'token');
    if (spec.kind === 'unix') {
      rmSync(spec.path, { force: true });
      await listen(server, { path: spec.path });
      declared.push({ address: spec.path, port: null, plane: 'users and API' });
      continue;
    }
    // Every address of the listener has one port, also when the system chose it.
    port = await listen(server, { host: spec.address, port: port === 0 ? spec.port : port });
    declared.push({ address: spec.address, port, plane: 'users and API' });
  }
  return { port, declared };
}

/** The operator's socket speaks HTTP only: the WebSocket protocol proves a caller by token or device. */
function serverFor({ http, ws }: Surfaces, identity: Identity): Server {
  const server = http.server(identity);
  if (identity === 'socket') return server;
  ws.attach(server, {
    judge(request: IncomingMessage) {
      const verdict = http.judge(request, identity);
      const { peer, session } = verdict.arrival;
      if ('refusal' in verdict) return { peer, refusal: verdict.refusal };
      return session === undefined ? { peer } : { peer, session };
    },
    authenticated: (request) => http.authenticated(request.socket as Socket),
  });
  return server;
}

function listen(server: Server, where: { host: string; port: number } | { path: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE' && 'port' in where;
      reject(
        taken ? PROCESS_CODES.error('GATEWAY_PORT_TAKEN', `port ${where.port} is already in use`) : cause,
      );
    });
    server.listen({ ...where, exclusive: true }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
