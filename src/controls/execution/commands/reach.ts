import type { CommandAnalysis } from '../types.ts';
import { DATA_PROGRAMS } from './programs-unjudged.ts';

/** Read no file at all, whatever they are given. */
const WITHOUT_FILES: ReadonlySet<string> = new Set(
  ': true false echo printf pwd date cal seq sleep expr id whoami groups uname hostname nproc arch tty basename dirname'.split(
    ' ',
  ),
);
/** Read or write the files that they are told, or those below the directory they start in, and run nothing. */
const TOLD: ReadonlySet<string> = new Set(
  'cp mv mkdir rm rmdir touch truncate tee chmod uniq sort diff file find sed awk tree jq rg tar cd test [ shuf'.split(
    ' ',
  ),
);

/**
 * Which files a line may read, beyond what it says: `nothing`, those it `names` (and, where it names none, those
 * below its directory), or `anything`, because a program decides (tests, builds, git) or because it is not clear.
 */
export function reachOf({ actions, unclear, strangers }: CommandAnalysis): 'nothing' | 'names' | 'anything' {
  if (unclear.length > 0 || strangers.length > 0) return 'anything';
  if (actions.every(({ program }) => WITHOUT_FILES.has(program))) return 'nothing';
  const told = actions.every(({ program }) => DATA_PROGRAMS.has(program) || TOLD.has(program));
  return told ? 'names' : 'anything';
}

/** Whether the line changes no file: only programs that read and print, and no redirection to a file. */
export function changesNothing({ actions, files, unclear, strangers }: CommandAnalysis): boolean {
  if (unclear.length > 0 || strangers.length > 0) return false;
  if (files.some(({ kind }) => kind === 'file.write')) return false;
  return actions.every(({ program }) => DATA_PROGRAMS.has(program) || program === 'cd');
}
