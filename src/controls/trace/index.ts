export { type PublicKeys, type SignedCheckpoint, signatureHolds } from './checkpoint.ts';
export { LEDGER_CODES } from './codes.ts';
export { createLedger, type LedgerOptions } from './ledger.ts';
export type * from './types.ts';
export { type VerifyOptions, verifyLedgerFile } from './verify.ts';
