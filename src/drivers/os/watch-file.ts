import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** Milliseconds that an editor gets to finish writing. */
const SETTLE_MS = 100;
/** Milliseconds between two looks for what no event told: network folders, a folder that was replaced. */
const LOOK_MS = 5_000;

/** What a file holds, as a digest; `absent` when there is none that can be read. */
export function fileDigest(path: string): string {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch {
    return 'absent';
  }
}

/**
 * Call back when the content of a file is another than before, also when it appears, goes away or is a link whose
 * target was exchanged. The folder must exist. Returns how to stop.
 */
export function watchFile(path: string, onChange: (digest: string) => void): () => void {
  let known = fileDigest(path);
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const now = fileDigest(path);
    if (now === known) return;
    known = now;
    onChange(now);
  };
  const settle = (): void => {
    clearTimeout(timer);
    timer = setTimeout(look, SETTLE_MS);
    timer.unref();
  };
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(path), { persistent: false }, settle);
    // The regular look goes on without it.
    watcher.on('error', () => watcher?.close());
  } catch {
    watcher = undefined;
  }
  const regular = setInterval(look, LOOK_MS).unref();
  return () => {
    clearTimeout(timer);
    clearInterval(regular);
    watcher?.close();
  };
}
