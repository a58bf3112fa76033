import { toOcsf } from '../ocsf/event.ts';
import type { OcsfSource } from '../ocsf/source.ts';
import type { LedgerRecord } from '../types.ts';
import type { ExportFormat } from './destination.ts';

/**
 * What JSON leaves as it is, and what programs that show logs act on: C1 controls, line separators, and marks that change
 * the order of text (attack 94).
 */
const ACTING = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** One record as one line of JSON, with nothing in it that a terminal obeys. */
export function encodeRecord(record: LedgerRecord, format: ExportFormat, source: OcsfSource): string {
  const text = JSON.stringify(format === 'ocsf' ? toOcsf(record, source) : record);
  return text.replace(ACTING, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
