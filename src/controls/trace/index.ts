export { type AlertService, createAlerts } from './alerts.ts';
export type { PublicKeys } from './checkpoint.ts';
export { LEDGER_CODES } from './codes.ts';
export { createDenials, type Denials } from './denials.ts';
export { createLedger } from './ledger.ts';
export type { CheckpointPace } from './signer.ts';
export { verifyLedgerFile } from './verify.ts';
