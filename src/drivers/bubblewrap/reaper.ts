import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SANDBOX_CODES } from '../sandbox/codes.ts';

/**
 * Wait until process 1 of a run is gone. It ends last: the kernel kills and reaps everything in its pid
 * namespace first (pid_namespaces(7)). Throws SANDBOX_CLEANUP_FAILED after `withinMs`.
 */
export async function processGone(pid: number | undefined, withinMs: number): Promise<void> {
  if (pid === undefined) return;
  const deadline = performance.now() + withinMs;
  while (exists(pid)) {
    if (performance.now() > deadline) throw SANDBOX_CODES.error('SANDBOX_CLEANUP_FAILED');
    await delay(1);
  }
}

/** A zombie has ended; in containers nobody may ever collect it. */
function exists(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^\) [ZX]/.test(stat.slice(stat.lastIndexOf(')')));
  } catch {
    return false;
  }
}
