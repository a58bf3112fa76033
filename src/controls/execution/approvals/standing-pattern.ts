import { programRow } from '../commands/programs.ts';
import { DATA_PROGRAMS } from '../commands/programs-unjudged.ts';

/** Words of a pattern, and how many of them may be open. */
export const MAX_PATTERN_WORDS = 24;
export const MAX_OPEN_WORDS = 2;

/** A word that means itself in a shell, and that no program takes for an option or a forced ref (`+main`). */
const PLAIN = /^[A-Za-z0-9_@%=:,./][A-Za-z0-9_@%+=:,./-]*$/;
/** Names of subcommands that run what they are given, or change what later ones mean. */
const NEVER = new Set(['config', 'exec', 'run', 'x', 'remote', 'submodule', 'install', 'i', 'ci', 'add']);

/**
 * Why a standing approval of this form would be too wide, or undefined when it is narrow: a program whose options are
 * known, its subcommand written out, and at most two open words.
 */
export function patternProblem(pattern: string): string | undefined {
  const words = pattern.split(' ');
  const [program = '', second] = words;
  if (words.length > MAX_PATTERN_WORDS) return 'it has too many words';
  if (
    words.some((word) => word !== '*' && !PLAIN.test(word) && !/^--?[A-Za-z0-9][A-Za-z0-9-]*$/.test(word))
  ) {
    return 'each word is plain, an option, or `*` for one plain word';
  }
  const row = programRow(program);
  const known =
    row === undefined ? DATA_PROGRAMS.has(program) : ['known', 'subcommands', 'writes'].includes(row.kind);
  if (!known) return `${program} can run anything, or nothing is known about it`;
  if (row?.kind === 'subcommands' && (second === undefined || second === '*' || second.startsWith('-'))) {
    return 'the subcommand is written out';
  }
  if (row?.kind === 'subcommands' && second !== undefined && NEVER.has(second))
    return `${program} ${second} can run anything`;
  if (words.filter((word) => word === '*').length > MAX_OPEN_WORDS) return 'more than two words are open';
  return words.length < 2 ? 'a program with any arguments is no narrow form' : undefined;
}

/** Whether a canonical command has the form of a pattern: as many words, each the same or one plain word for `*`. */
export function matchesPatternForm(pattern: string, command: string): boolean {
  const wanted = pattern.split(' ');
  const words = command.split(' ');
  if (wanted.length !== words.length) return false;
  return wanted.every((word, index) => {
    const given = words[index] ?? '';
    return word === '*' ? PLAIN.test(given) : word === given;
  });
}

/**
 * The narrowest pattern that covers these commands, or undefined when there is none: words that differ become `*`,
 * and only where at least three different ones were seen.
 */
export function patternOf(commands: readonly string[]): string | undefined {
  const rows = commands.map((command) => command.split(' '));
  const [first = []] = rows;
  if (rows.some((row) => row.length !== first.length)) return undefined;
  const words = first.map((word, index) => {
    const seen = new Set(rows.map((row) => row[index] ?? ''));
    if (seen.size === 1) return word;
    return seen.size >= 3 && [...seen].every((given) => PLAIN.test(given)) ? '*' : undefined;
  });
  const pattern = words.join(' ');
  return words.includes(undefined) || patternProblem(pattern) !== undefined ? undefined : pattern;
}
