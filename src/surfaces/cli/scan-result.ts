import {
  HARMLESS,
  type ScanReport,
  type Sighting,
  SKIP_REASONS,
  type SkipReason,
} from '../../controls/auth/index.ts';
import type { IdentifiedToken } from '../../controls/auth/types.ts';

/** One place where a token stands. `unknown`: well-formed with a right checksum, and not of this install. */
export interface ScanFinding extends Omit<Sighting, 'digest'> {
  readonly status: 'live' | 'retired' | 'unknown';
  readonly name: string | null;
  readonly version: number | null;
  readonly kind: IdentifiedToken['kind'] | null;
  readonly owner: string | null;
  readonly why: IdentifiedToken['retired'] | null;
}

export interface ScanResult extends Omit<ScanReport, 'sightings' | 'sightingsBeyond'> {
  readonly findings: readonly ScanFinding[];
  readonly findingsBeyond: number;
}

/** Where something is, for people: `file > member:line:column`. */
export function placeOf({ file, member, line, column, offset }: Omit<Sighting, 'id' | 'digest'>): string {
  const inside = [file, ...member].join(' > ');
  if (line !== null) return `${inside}:${line}:${column}`;
  return offset === 0 ? inside : `${inside} (byte ${offset})`;
}

/** Reasons why something that was asked for was not seen, the harmless ones left out. */
export function gaps(result: Pick<ScanResult, 'skippedBy'>): readonly (readonly [SkipReason, number])[] {
  return (Object.keys(SKIP_REASONS) as SkipReason[])
    .filter((reason) => !HARMLESS.includes(reason) && result.skippedBy[reason] !== undefined)
    .map((reason) => [reason, result.skippedBy[reason] ?? 0] as const);
}
