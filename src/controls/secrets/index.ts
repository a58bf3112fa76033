export { SECRETS_CODES } from './codes.ts';
export { MIN_REDACTED_LENGTH, Redactor } from './redactor.ts';
export type { RunSecretBinding, SecretBinding } from './reference.ts';
export { MAX_SECRET_LENGTH, resolveSecret } from './resolve.ts';
export { parsePlace } from './run-place.ts';
export {
  mentionsPlaceholder,
  RunSecretStore,
} from './run-secrets.ts';
export { SecretStore } from './store.ts';
export { withoutTokens } from './tokens.ts';
