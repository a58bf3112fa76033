import { statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';

/**
 * Bytes that stay free on every file system that a run can write to. State and ledger often lie on the same one,
 * and a ledger that cannot write stops everything, so one run must not be able to fill it.
 */
export const MIN_FREE_BYTES = 256 * 1024 * 1024;
/** Milliseconds between two looks while something runs. */
const LOOK_MS = 200;

/** Whether a file system of these paths has less than that left now. */
export function isLow(paths: readonly string[], minFreeBytes: number): boolean {
  return paths.some((path) => {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize < minFreeBytes;
  });
}

/** Look again and again until it is low, then call once; the returned function ends it. */
export function watchDisk(paths: readonly string[], minFreeBytes: number, onLow: () => void): () => void {
  const timer = setInterval(() => {
    for (const path of paths)
      statfs(path).then(
        ({ bavail, bsize }) => {
          if (bavail * bsize < minFreeBytes) onLow();
        },
        () => undefined,
      );
  }, LOOK_MS);
  return () => clearInterval(timer);
}
