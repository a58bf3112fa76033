import { EXECUTION_CODES } from '../codes.ts';

/** Bytes of a path, as PATH_MAX of Linux without the final NUL. */
export const MAX_PATH_BYTES = 4095;
/** Bytes of one component, as NAME_MAX. */
export const MAX_NAME_BYTES = 255;

const CONTROL = /\p{Cc}|\p{Cs}/u;

function invalid(message: string): Error {
  return EXECUTION_CODES.error('EXEC_PATH_INVALID', message);
}

/**
 * The absolute, normalised form of a path inside the sandbox: `.`, `..`, doubled and trailing slashes are
 * resolved by text alone, and `..` never climbs above the root. What is decided is this text, so callers must
 * also act on it and not on what they were given.
 *
 * @param cwd absolute directory that a relative path starts from.
 * @throws EXEC_PATH_INVALID for an empty path, control characters, lone surrogates, and over-long names.
 */
export function normaliseSandboxPath(path: string, cwd: string): string {
  if (path === '') throw invalid('the path is empty');
  if (!cwd.startsWith('/')) throw invalid('the working directory is not an absolute path');
  const joined = path.startsWith('/') ? path : `${cwd}/${path}`;
  if (CONTROL.test(joined)) throw invalid('the path has a control character or is not valid Unicode');
  const names: string[] = [];
  for (const name of joined.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..') names.pop();
    else if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw invalid('a name in the path is too long');
    else names.push(name);
  }
  const normalised = `/${names.join('/')}`;
  if (Buffer.byteLength(normalised) > MAX_PATH_BYTES) throw invalid('the path is too long');
  return normalised;
}
