export { SECRETS_CODES } from './codes.ts';
export { MIN_REDACTED_LENGTH, Redactor } from './redactor.ts';
export type { SecretBinding } from './reference.ts';
export { MAX_SECRET_LENGTH, resolveSecret } from './resolve.ts';
export { SecretStore } from './store.ts';
export { withoutTokens } from './tokens.ts';
