export { checkLogins } from './checks.ts';
export { AUTH_CODES } from './codes.ts';
export {
  type ProxyIdentity,
  type ProxyIdentitySettings,
  type ProxyRefusal,
  readProxyIdentity,
} from './identities/proxy-headers.ts';
export { COOLDOWN_MS as KEYS_COOLDOWN_MS, FRESH_MS as KEYS_FRESH_MS } from './oidc/key-cache.ts';
export { issuerOf } from './oidc/settings.ts';
export { principalLayer } from './principal-layer.ts';
export {
  HARMLESS,
  type ScanReport,
  type Sighting,
  SKIP_REASONS,
  type SkipReason,
} from './scan/types.ts';
export { createAuthService, type RunningAuth } from './service.ts';
export { type AuthTables, migrations } from './tables.ts';
export { checkTokens } from './token-checks.ts';
export { mintToken } from './token-format.ts';
export * from './types.ts';

/** Loaded when it is asked for: only the command line reads files of people. */
export const scanner = () => import('./scan/index.ts');
