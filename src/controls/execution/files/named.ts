import { EXECUTION_CODES } from '../codes.ts';
import { commandWords } from '../commands/analyse.ts';
import { normaliseSandboxPath } from './path.ts';

/** Paths that one action may name. */
export const MAX_NAMED_FILES = 512;

/** Absolute, normalised paths inside the sandbox. */
export interface NamedFiles {
  /** The action certainly means these files; that one is absent is a fact worth binding to. */
  readonly certain: readonly string[];
  /** Words that are the names of files only if such files exist. */
  readonly possible: readonly string[];
}

/** The parts of an argument that may be a path: all of it, a value after `=`, `-fVALUE`, `@VALUE`. */
function pathParts(word: string): readonly string[] {
  const parts = [word];
  const equals = word.indexOf('=');
  if (equals > 0) parts.push(word.slice(equals + 1));
  if (/^-[^-]./.test(word)) parts.push(word.slice(2));
  if (word.startsWith('@')) parts.push(word.slice(1));
  return parts;
}

function tryNormalise(path: string, directory: string): readonly string[] {
  try {
    return [normaliseSandboxPath(path, directory)];
  } catch {
    return [];
  }
}

/**
 * The files that a command line names: what it redirects from and to, and every word that could be a path. A
 * file that a program reads without being told (a Makefile, a module) is not among them.
 *
 * @throws EXEC_TOO_MANY_FILES for more than MAX_NAMED_FILES names.
 */
export function namedFiles(line: string, cwd: string): NamedFiles {
  const { words, files, directories } = commandWords(line, cwd);
  const possible = new Set(
    words
      .flatMap(pathParts)
      .flatMap((part) => directories.flatMap((directory) => tryNormalise(part, directory))),
  );
  const certain = new Set(files);
  for (const path of [...certain, ...directories]) possible.delete(path);
  if (possible.size + certain.size > MAX_NAMED_FILES) throw EXECUTION_CODES.error('EXEC_TOO_MANY_FILES');
  return { certain: [...certain], possible: [...possible] };
}
