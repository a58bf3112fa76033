/** Bounds of looking through a workspace; past each of them a run sees less, never more. */
export interface MaskLimits {
  /** Largest file of which a masked copy is made, in bytes; a larger one with credentials is closed. */
  readonly maskedBytes: number;
  /** Largest file that is looked through, in bytes; a larger one is closed. */
  readonly scannedBytes: number;
  /** Bytes that an archive may unpack to; one that holds more is closed (attack 92). */
  readonly unpackedBytes: number;
  /** Files below one mount; with more, nothing is run. */
  readonly files: number;
  /** Masked and closed files of one run, each of which is a mount; with more, nothing is run. */
  readonly masks: number;
}

const MB = 1024 * 1024;

export const MASK_LIMITS: MaskLimits = {
  maskedBytes: 16 * MB,
  scannedBytes: 256 * MB,
  unpackedBytes: 64 * MB,
  files: 200_000,
  masks: 512,
};
