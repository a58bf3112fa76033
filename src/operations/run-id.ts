import { hash } from 'node:crypto';
import { OPERATOR_SPACE } from './callers.ts';

const MARK = /~[0-9a-f]{16}$/;

/**
 * The run that a caller's idempotency key names. Callers choose keys, so a key is only theirs: in any space but the
 * operators' it carries a mark of the space, and the same key of two principals is two runs. Nobody meets another's run
 * by its name, as a conflict or as an answer (S5).
 */
export function ownRunId(space: string, key: string): string {
  const mark = `~${hash('sha256', space).slice(0, 16)}`;
  const isPlain = space === OPERATOR_SPACE && !MARK.test(key);
  return isPlain || key.endsWith(mark) ? key : `${key}${mark}`;
}

/** A run as its caller named it. */
export function shownRunId(runId: string): string {
  return runId.replace(MARK, '');
}
