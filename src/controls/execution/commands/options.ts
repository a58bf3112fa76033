import type { KnownOptions, OptionPattern } from './program-row.ts';

function matchesLong(argument: string, names: readonly string[]): boolean {
  const name = argument.slice(2).split('=', 1)[0] ?? '';
  return name !== '' && names.some((known) => known.startsWith(name));
}

function matchesShort(argument: string, letters: string): boolean {
  return letters.split('').some((letter) => argument.includes(letter, 1));
}

/**
 * Whether an argument could be one of these options, written in full, abbreviated, joined with others or with
 * its value. It says yes too often rather than too seldom: a yes costs a question, a wrong no a control. For
 * the same reason a `--` before it does not end the search.
 */
export function matchesPattern(argument: string, pattern: OptionPattern): boolean {
  if (argument.startsWith('--')) {
    if (matchesLong(argument, pattern.long ?? [])) return true;
  } else if (argument.startsWith('-') && matchesShort(argument, pattern.short ?? '')) return true;
  return (
    (pattern.words ?? []).some((word) => argument === word || argument.startsWith(`${word}=`)) ||
    (pattern.prefixes ?? []).some((prefix) => argument.startsWith(prefix)) ||
    (pattern.contains ?? []).some((text) => argument.includes(text)) ||
    pattern.expression?.test(argument) === true
  );
}

export type ParsedOptions =
  /** `at` is the index of the first operand. */
  | { readonly understood: true; readonly at: number }
  | { readonly understood: false; readonly option: string };

/** How many arguments a cluster such as `-vk5` takes, or undefined when a letter is not known. */
function clusterLength(cluster: string, known: KnownOptions): number | undefined {
  for (let index = 1; index < cluster.length; index += 1) {
    const letter = cluster.charAt(index);
    if ((known.values ?? '').includes(letter)) return index + 1 < cluster.length ? 1 : 2;
    if (!(known.flags ?? '').includes(letter)) return undefined;
  }
  return 1;
}

function longLength(argument: string, known: KnownOptions): number | undefined {
  const name = argument.slice(2).split('=', 1)[0] ?? '';
  const hasValue = argument.includes('=');
  if (known.longValues?.includes(name)) return hasValue ? 1 : 2;
  if (known.longOptional?.includes(name)) return 1;
  return known.longFlags?.includes(name) && !hasValue ? 1 : undefined;
}

/** How many arguments an option takes, or undefined when it is not known. */
function optionLength(argument: string, known: KnownOptions): number | undefined {
  if (known.words?.includes(argument)) return 1;
  if (known.wordValues?.includes(argument)) return 2;
  if (known.prefixes?.some((prefix) => argument.startsWith(prefix))) return 1;
  return argument.startsWith('--') ? longLength(argument, known) : clusterLength(argument, known);
}

function letterValue(
  argv: readonly string[],
  at: number,
  { writtenLetter, values }: KnownOptions,
): readonly string[] {
  const cluster = argv[at] ?? '';
  if (writtenLetter === undefined || cluster.startsWith('--')) return [];
  if (!argv.some((argument) => writtenLetter.when.test(argument))) return [];
  const first = [...cluster].findIndex((letter, index) => index > 0 && (values ?? '').includes(letter));
  if (cluster.charAt(first) !== writtenLetter.letter) return [];
  return [first + 1 < cluster.length ? cluster.slice(first + 1) : (argv[at + 1] ?? '')];
}

export interface ParsedOperands {
  readonly operands: readonly string[];
  /** Values of options that name a file the program writes. */
  readonly written: readonly string[];
  readonly unknown?: string;
}

/** The operands of an argv whose options may stand anywhere, as getopt_long(3) of GNU takes them. */
export function parseOperands(argv: readonly string[], known: KnownOptions): ParsedOperands {
  const operands: string[] = [];
  const written: string[] = [];
  for (let at = 1; at < argv.length; ) {
    const argument = argv[at] ?? '';
    if (argument === '--') {
      // Not every program ends its options there, so what looks like one is not taken for an operand.
      const rest = argv.slice(at + 1);
      const unknown =
        known.passesOn === true ? undefined : rest.find((word) => word.startsWith('-') && word !== '-');
      return { operands: [...operands, ...rest], written, ...(unknown === undefined ? {} : { unknown }) };
    }
    if (!argument.startsWith('-') || argument === '-') {
      operands.push(argument);
      at += 1;
      continue;
    }
    const length = optionLength(argument, known);
    if (length === undefined) return { operands, written, unknown: argument };
    if (length === 2 && known.written?.includes(argument)) written.push(argv[at + 1] ?? '');
    written.push(...letterValue(argv, at, known));
    at += length;
  }
  return { operands, written };
}

/**
 * Walk over the options at the start of an argv (after its first word) by the rules of getopt(3) with `+`:
 * they end at `--` or at the first operand. Abbreviations and unknown options are not understood.
 */
export function parseLeadingOptions(argv: readonly string[], known: KnownOptions): ParsedOptions {
  let at = 1;
  while (at < argv.length) {
    const argument = argv[at] ?? '';
    if (argument === '--') return { understood: true, at: at + 1 };
    if (!argument.startsWith('-')) break;
    const length = optionLength(argument, known);
    if (length === undefined || argument === '-') return { understood: false, option: argument };
    at += length;
  }
  return { understood: true, at };
}
