import { posix } from 'node:path';
import { TOOL_CODES } from '../codes.ts';

/** Bytes of a path that a tool takes. */
export const MAX_PATH_BYTES = 1024;

/**
 * The absolute, normalised path inside the sandbox that a model means. Only words are judged here: the decision
 * is on the result, and the run refuses it when it leads through a link (X4).
 */
export function sandboxPath(path: string, cwd: string): string {
  if (path === '' || Buffer.byteLength(path) > MAX_PATH_BYTES || /\p{Cc}/u.test(path)) {
    throw TOOL_CODES.error('TOOL_PATH_INVALID');
  }
  return posix.resolve(cwd, path);
}
