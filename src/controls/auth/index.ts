export { AUTH_CODES } from './codes.ts';
export { LIMITER_DEFAULTS, type LimiterSettings } from './limiter.ts';
export { principalLayer } from './principal-layer.ts';
export { coversScopes, expandScopes, isScope } from './scopes.ts';
export { type AuthParts, createAuthService, type RunningAuth } from './service.ts';
export { type AuthTables, migrations } from './tables.ts';
export { tokenIdOf } from './token-format.ts';
export * from './types.ts';
