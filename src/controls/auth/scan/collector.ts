import { withoutSecrets } from '../token-format.ts';
import { hitsIn, type Unpacker } from './patterns.ts';
import {
  HARMLESS,
  type ScanBounds,
  type ScanReport,
  type Sighting,
  type Skip,
  type SkipReason,
} from './types.ts';

/** Where bytes come from. */
export interface Place {
  readonly file: string;
  readonly member: readonly string[];
}

const NOTHING_PACKED: Unpacker = { gunzip: () => undefined };

/** A name that can be shown: without the secret of a token that somebody named a file after. */
export function safeName(name: string): string {
  const clear = withoutSecrets(name);
  return hitsIn(Buffer.from(clear).toString('latin1'), NOTHING_PACKED).length === 0
    ? clear
    : '[name withheld]';
}

/** Gathers what a scan finds and what it leaves out, within bounds, and counts what goes beyond them. */
export class Collector {
  readonly bounds: ScanBounds;
  readonly #sightings: Sighting[] = [];
  #ofFile: Sighting[] = [];
  #beyond = 0;
  readonly #skipped: Skip[] = [];
  readonly #skippedBy: Partial<Record<SkipReason, number>> = {};
  files = 0;
  members = 0;
  processes = 0;
  bytes = 0;

  constructor(bounds: ScanBounds) {
    this.bounds = bounds;
  }

  found(place: Place, found: Omit<Sighting, 'file' | 'member'>): void {
    if (this.#sightings.length + this.#ofFile.length >= this.bounds.sightings) {
      this.#beyond += 1;
      return;
    }
    const { line, column, offset, encoding, id, digest } = found;
    const names = { file: safeName(place.file), member: place.member.map(safeName) };
    this.#ofFile.push({ ...names, line, column, offset, encoding, id, digest });
  }

  /** A file or a member may itself be named after a token. */
  named(place: Place, name: string): void {
    for (const { at, ...hit } of hitsIn(Buffer.from(name).toString('latin1'), NOTHING_PACKED)) {
      this.found(place, { ...hit, offset: at, line: null, column: null });
    }
  }

  skip(place: Place, reason: SkipReason): void {
    this.#skippedBy[reason] = (this.#skippedBy[reason] ?? 0) + 1;
    if (this.#skipped.length >= this.bounds.namedSkips) return;
    this.#skipped.push({ place: [place.file, ...place.member].map(safeName).join(' > '), reason });
  }

  /** The bytes of an archive and those of its members are both looked at: the more exact place is kept. */
  endFile(): void {
    const seen = new Set<string>();
    for (const one of this.#ofFile) {
      const isInside = this.#ofFile.some(
        ({ digest, member }) => digest === one.digest && member.length > one.member.length,
      );
      const key = JSON.stringify([one.digest, one.member, one.offset]);
      if (isInside || seen.has(key)) continue;
      seen.add(key);
      this.#sightings.push(one);
    }
    this.#ofFile = [];
  }

  report(): ScanReport {
    const harmful = Object.keys(this.#skippedBy).some((reason) => !HARMLESS.includes(reason as SkipReason));
    return {
      sightings: this.#sightings,
      sightingsBeyond: this.#beyond,
      files: this.files,
      members: this.members,
      processes: this.processes,
      bytes: this.bytes,
      skipped: this.#skipped,
      skippedBy: this.#skippedBy,
      complete: !harmful && this.#beyond === 0,
    };
  }
}
