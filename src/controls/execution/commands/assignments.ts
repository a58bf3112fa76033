/**
 * Variables that change how text looks and nothing else. Every other one may change what is loaded or run
 * (PATH, LD_PRELOAD, IFS, ENV, BASH_ENV, GIT_*, PAGER, EDITOR, NODE_OPTIONS, PYTHONPATH, and those that nobody
 * has thought of), so only these are understood.
 */
const HARMLESS: ReadonlySet<string> = new Set([
  'CI',
  'COLUMNS',
  'FORCE_COLOR',
  'LANG',
  'LC_ALL',
  'LC_COLLATE',
  'LC_CTYPE',
  'LC_MESSAGES',
  'LC_NUMERIC',
  'LC_TIME',
  'LINES',
  'NO_COLOR',
  'TZ',
]);
/** Without a slash or a colon: a locale or a zone can also name a file. */
const HARMLESS_VALUE = /^[A-Za-z0-9_.@+-]*$/;

/** Why this assignment is not understood, or undefined when it is harmless. */
export function assignmentProblem(name: string, value: string): string | undefined {
  if (!HARMLESS.has(name)) return `an assignment to ${name}, which can change what runs`;
  return HARMLESS_VALUE.test(value) ? undefined : `a value of ${name} that could name a file`;
}
