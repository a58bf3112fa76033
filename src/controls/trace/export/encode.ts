import { toOcsf } from '../ocsf/event.ts';
import type { OcsfSource } from '../ocsf/source.ts';
import type { LedgerRecord } from '../types.ts';
import type { ExportFormat } from './destination.ts';

/** One record as one line of JSON. */
export function encodeRecord(record: LedgerRecord, format: ExportFormat, source: OcsfSource): string {
  return JSON.stringify(format === 'ocsf' ? toOcsf(record, source) : record);
}
