import { readFileSync } from 'node:fs';

/** Open files that this process may have; Node raises its own limit to the hard one when it starts. */
export function openFiles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? [];
    return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    // No such file where there is no procfs; the system's own refusal is the bound then.
    return Number.POSITIVE_INFINITY;
  }
}
