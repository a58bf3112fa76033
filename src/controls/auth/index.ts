export { AUTH_CODES } from './codes.ts';
export {
  type ProxyIdentity,
  type ProxyIdentitySettings,
  type ProxyRefusal,
  readProxyIdentity,
} from './identities/proxy-headers.ts';
export { issuerOf, type OidcIssuer } from './oidc/settings.ts';
export { principalLayer } from './principal-layer.ts';
export { createAuthService, type RunningAuth } from './service.ts';
export { type AuthTables, migrations } from './tables.ts';
export * from './types.ts';
