export { AUTH_CODES } from './codes.ts';
export { principalLayer } from './principal-layer.ts';
export { createAuthService, type RunningAuth } from './service.ts';
export { type AuthTables, migrations } from './tables.ts';
export * from './types.ts';
