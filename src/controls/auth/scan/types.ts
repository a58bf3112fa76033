/** How a token was written where it was found. */
export type Encoding = 'plain' | 'utf-16' | 'escaped' | 'base64';

/** A well-formed token, and where it is. It holds no part of the secret: the digest is of 256 random bits. */
export interface Sighting {
  /** Path as it was given or walked to; for a process `process PID (name)`. */
  readonly file: string;
  /** Members from the outermost archive inwards; for a process the variable's name; empty for a plain file. */
  readonly member: readonly string[];
  /** From 1; null where lines mean nothing, as in a binary file or in a file's name. */
  readonly line: number | null;
  /** In characters from 1. */
  readonly column: number | null;
  /** Bytes from the beginning of the file or of the innermost member. */
  readonly offset: number;
  readonly encoding: Encoding;
  /** The public part of the token. */
  readonly id: string;
  /** SHA-256 in hex, as the store keeps it. */
  readonly digest: string;
}

/** Why something was not looked at, or not all of it. */
export const SKIP_REASONS = {
  link: 'a symbolic link; what it points to is looked at where it is',
  special: 'neither a file nor a folder',
  'kernel-files': 'a file system of the kernel such as /proc; --processes looks at environments',
  unreadable: 'may not be read',
  vanished: 'went away meanwhile',
  'too-deep': 'folders or archives nested too deeply',
  'too-large': 'only its beginning was looked at',
  'expands-too-far': 'unpacks to more than the bound',
  'too-many-members': 'has more members than the bound',
  encrypted: 'encrypted',
  format: 'packed in a form that is not opened',
  damaged: 'an archive that is damaged or cut off',
  failed: 'reading failed',
} as const;
export type SkipReason = keyof typeof SKIP_REASONS;

/** Reasons that leave nothing unseen that was asked for. */
export const HARMLESS: readonly SkipReason[] = ['link', 'special', 'kernel-files', 'vanished'];

export interface Skip {
  readonly place: string;
  readonly reason: SkipReason;
}

/** Bounds of one scan. Sizes in bytes. */
export interface ScanBounds {
  /** Read of one file. */
  readonly fileBytes: number;
  /** Unpacked out of one file, over all its members. */
  readonly expandedBytes: number;
  /** Members of one file, nested ones included. */
  readonly members: number;
  /** Archives inside archives. */
  readonly archiveDepth: number;
  readonly folderDepth: number;
  /** An archive inside another that can only be read as a whole. */
  readonly nestedZipBytes: number;
  /** Sightings kept. */
  readonly sightings: number;
  /** Skipped places that are named; all are counted. */
  readonly namedSkips: number;
}

export const SCAN_BOUNDS: ScanBounds = Object.freeze({
  fileBytes: 4 * 1024 ** 3,
  expandedBytes: 1024 ** 3,
  members: 100_000,
  archiveDepth: 5,
  folderDepth: 64,
  nestedZipBytes: 64 * 1024 ** 2,
  sightings: 10_000,
  namedSkips: 1_000,
});

export interface ScanReport {
  readonly sightings: readonly Sighting[];
  /** Sightings beyond the bound: counted, not kept. */
  readonly sightingsBeyond: number;
  readonly files: number;
  readonly members: number;
  readonly processes: number;
  /** Read and unpacked. */
  readonly bytes: number;
  readonly skipped: readonly Skip[];
  readonly skippedBy: Readonly<Partial<Record<SkipReason, number>>>;
  /** Everything that was asked for was looked at. */
  readonly complete: boolean;
}
