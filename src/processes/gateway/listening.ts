import { readFileSync, statSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { EffectiveConfig } from '../../configuration/types.ts';
import type { Plane } from '../../controls/auth/types.ts';
import {
  type Exposure,
  inBlocks,
  isLoopback,
  LOOPBACK_HOSTS,
  type RequestRules,
  type ResolvedListener,
  resolveBind,
  type TlsFile,
  type TlsMaterial,
  type TlsSettings,
  tlsMaterial,
} from '../../controls/listen/index.ts';
import { judge } from '../../kernel/index.ts';
import { namedPort } from '../port.ts';

/** Ports of the planes that have one of their own, unless the configuration says another. */
const PLANE_PORTS = { admin: 18_791, metrics: 18_792, webhooks: 18_790 } as const;
/** Largest certificate, key or authority file in bytes. */
const MAX_TLS_FILE = 1_048_576;

/** One listener as the configuration asks for it. */
export type WantedListener = ResolvedListener & {
  readonly plane: Plane;
  readonly exposed: boolean;
  readonly tls: TlsMaterial | undefined;
  /** Address blocks that may connect; empty means anybody who can reach a loopback or Unix listener. */
  readonly allowed: readonly string[];
};

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

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map((one) => one.address),
  );
}

interface PlaneSettings {
  readonly bind?: string;
  readonly port: number;
  readonly allowedAddresses?: readonly string[];
  readonly tls?: TlsSettings;
}

/** What the configuration asks to listen on. @throws LISTEN_EXPOSED and what is missing for it, LISTEN_TLS_* */
export function wantedListeners(
  config: EffectiveConfig,
  port: number,
  now: number,
  options: { readonly home: string; readonly webhooks: boolean },
): readonly WantedListener[] {
  const { gateway } = config.config;
  const { admin, metrics, webhooks } = gateway.listeners ?? {};
  const at = (plane: Plane, settings: PlaneSettings) =>
    planeListeners(config, plane, settings, now, options.home);
  return [
    ...at('users', { ...gateway, port }),
    ...(admin?.enabled === true ? at('admin', { ...admin, port: admin.port ?? PLANE_PORTS.admin }) : []),
    ...(metrics?.enabled === true
      ? at('metrics', { ...metrics, port: metrics.port ?? PLANE_PORTS.metrics })
      : []),
    ...(options.webhooks && webhooks?.enabled !== false
      ? at('webhooks', { ...webhooks, port: webhooks?.port ?? PLANE_PORTS.webhooks })
      : []),
  ];
}

function planeListeners(
  config: EffectiveConfig,
  plane: Plane,
  settings: PlaneSettings,
  now: number,
  home: string,
): readonly WantedListener[] {
  const { trustedProxies } = config.config.gateway;
  const allowed = settings.allowedAddresses ?? [];
  const tls = tlsMaterial(settings.tls ?? {}, (path) =>
    readTlsFile(isAbsolute(path) ? path : join(home, path)),
  );
  const own = ownAddresses();
  const resolved = resolveBind({
    bind: settings.bind ?? 'loopback',
    port: settings.port,
    hasIPv6: own.includes('::1'),
    ownAddresses: own,
    now,
    exposure: (address): Exposure => {
      const grant = grantFor(config, plane, address, now);
      return {
        // Probes carry nothing; every other plane authenticates each request.
        authentication: true,
        tls: tls !== undefined,
        trustedProxies,
        allowedAddresses: allowed,
        ...(grant === undefined ? {} : { grant }),
      };
    },
  });
  return resolved.map((listener) => {
    const exposed = listener.kind === 'tcp' && !isLoopback(listener.address);
    // The loopback listener beside an exposed one stays plain, as clients on this machine expect it.
    const secured = exposed || resolved.every((one) => one.expires === null) ? tls : undefined;
    return { ...listener, plane, exposed, tls: secured, allowed: exposed ? allowed : [] };
  });
}

function grantFor(config: EffectiveConfig, plane: Plane, address: string, now: number) {
  const { grant } = judge(
    config.ceiling,
    { principal: 'gateway' },
    { kind: 'listen.open', plane, address },
    now,
  );
  return grant;
}

function readTlsFile(path: string): TlsFile | undefined {
  try {
    const { size, mode } = statSync(path);
    if (size > MAX_TLS_FILE) return undefined;
    return { text: readFileSync(path, 'utf8'), mode: mode & 0o777 };
  } catch {
    return undefined;
  }
}

/** Whether this address may connect to this listener. */
export function admits(
  { exposed, allowed }: Pick<WantedListener, 'exposed' | 'allowed'>,
  address: string,
): boolean {
  return !exposed || inBlocks(allowed, address);
}
