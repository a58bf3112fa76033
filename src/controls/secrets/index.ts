export { SECRETS_CODES } from './codes.ts';
export { loadDetector } from './detector/detector.ts';
export type { Detector } from './detector/types.ts';
export { CREDENTIAL_REMOVED, hideCredentials } from './hide.ts';
export { createHoneytokens, HoneytokenTripwire, isBait, readPlanted } from './honeytokens/index.ts';
export { hideIn, MAX_HELD_WORD, OutgoingText, withoutCredentials } from './outgoing.ts';
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
export type { Settled } from './workspace/entry.ts';
export { createMasker, type Masker, type OpenedMasks } from './workspace/masker.ts';
