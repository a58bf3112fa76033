export { type AlertService, alertSource, createAlerts } from './alerts.ts';
export type { CallInstance } from './anchors/keepers.ts';
export { createKeptCheckpoints, type KeptCheckpoints } from './anchors/kept.ts';
export type { PublicKeys } from './checkpoint.ts';
export { LEDGER_CODES } from './codes.ts';
export { createDenials, type Denials } from './denials.ts';
export {
  ATTESTATION_TYPE,
  type Attestation,
  type AttestedCheck,
  type AttestedControl,
  type AttestedPosture,
  openAttestation,
  type VerifiedAttestation,
} from './evidence/attestation.ts';
export { EVIDENCE_CODES } from './evidence/codes.ts';
export { createDrift, type DriftReport, type DriftService } from './evidence/drift.ts';
export {
  type Envelope,
  MAX_ENVELOPE_BYTES,
  open as openEnvelope,
  seal as sealEnvelope,
} from './evidence/dsse.ts';
export { type Difference, FACT_SECTIONS, type InstallFacts } from './evidence/facts.ts';
export { type EvidenceTables, migrations as evidenceMigrations } from './evidence/tables.ts';
export { EXPORT_CODES } from './export/codes.ts';
export { createExporter, type Exporter } from './export/exporter.ts';
export { openLedgerReader } from './export/reader.ts';
export type { ExportTransport, LedgerReader } from './export/types.ts';
export { TELEMETRY_PRINCIPAL } from './export/worker.ts';
export { ledgerKeys } from './keys.ts';
export { createLedger } from './ledger.ts';
export { openPastLedger } from './past.ts';
export { type EvidenceReport, MAX_EVIDENCE_LINE, verifyEvidence } from './proof/verify.ts';
export { retentionPolicy } from './retention/order.ts';
export type { CheckpointPace } from './signer.ts';
export { verifyLedgerFile } from './verify.ts';
