/** Options that make a program run another one, load code, or write where its policy does not look. */
export interface OptionPattern {
  /** Letters. An argument with a single dash counts when it has one of them anywhere. */
  readonly short?: string;
  /** Names without dashes. Any abbreviation counts, as getopt_long(3) accepts it. */
  readonly long?: readonly string[];
  /** Whole arguments, alone or followed by `=value`. */
  readonly words?: readonly string[];
  /** Beginnings of arguments. */
  readonly prefixes?: readonly string[];
  /** Text anywhere in an argument. */
  readonly contains?: readonly string[];
  /** What no argument may have anywhere, where plain text cannot say it. */
  readonly expression?: RegExp;
}

/** Options whose grammar is fully known; an option that is not listed here is not understood. */
export interface KnownOptions {
  /** Letters without a value; they may be joined. */
  readonly flags?: string;
  /** Letters with a value, attached or as the next argument. */
  readonly values?: string;
  readonly longFlags?: readonly string[];
  /** Long names with a value, after `=` or as the next argument. */
  readonly longValues?: readonly string[];
  /** Long names whose value may only stand after `=`. */
  readonly longOptional?: readonly string[];
  /** Whole arguments with one dash, as find and go have them, alone and with a value as the next argument. */
  readonly words?: readonly string[];
  readonly wordValues?: readonly string[];
  /** Beginnings of arguments that stand alone (`-O2`). */
  readonly prefixes?: readonly string[];
  /** Which of `values` and `wordValues`, as whole arguments, name a file that is written. */
  readonly written?: readonly string[];
  /** Words after `--` go to a script of the workspace, which could do anything anyway. */
  readonly passesOn?: boolean;
  /** A letter of `values` whose value is written, where an argument matches `when` (`tar -cf ARCHIVE`). */
  readonly writtenLetter?: { readonly letter: string; readonly when: RegExp };
}

/**
 * Which operands are written. `target`: the last one, or a file in it with the name of each other one;
 * `move`: those too.
 */
export type WrittenOperands = 'all' | 'second' | 'after-first' | 'target' | 'move';

export type Treatment =
  /** Nothing that it is given can be judged from its arguments. */
  | { readonly kind: 'opaque'; readonly why: string }
  /** Every option is known; whatever else looks like one is not understood. */
  | {
      readonly kind: 'known';
      readonly options: KnownOptions;
      /** Values and arguments that are refused all the same. */
      readonly refuse?: OptionPattern;
      /** What no operand may be. */
      readonly operands?: OptionPattern;
      /** Without one of these it does something that is not understood. */
      readonly mustHave?: { readonly words: readonly string[]; readonly why: string };
      /** Options that are followed by a command up to `;` or `+`: never understood, but what they run is judged too. */
      readonly inner?: readonly string[];
      /** tar's old style: the first argument is a cluster of letters without a dash. */
      readonly firstIsCluster?: boolean;
    }
  /** A builtin that takes anything but these. */
  | { readonly kind: 'except'; readonly refuse: OptionPattern }
  /** Runs the rest of its arguments as a command. */
  | {
      readonly kind: 'wrapper';
      readonly options: KnownOptions;
      /** Its own operands before the command: `timeout 5 COMMAND`. */
      readonly operands?: number;
      /** NAME=VALUE before the command, as env(1). */
      readonly assignments?: boolean;
      /** Options that only describe, as `command -v`. */
      readonly informs?: readonly string[];
      /** Why the command is not all that runs, as xargs that appends what it reads. */
      readonly why?: string;
    }
  /** Reads a script of POSIX shell from `-c`. */
  | { readonly kind: 'shell' }
  /** Runs a script file; code from arguments or standard input is opaque. */
  | {
      readonly kind: 'interpreter';
      /** Whole arguments that may stand before the script. */
      readonly flags?: readonly string[];
      /** Whole arguments that need no script and take no further option. */
      readonly informs?: readonly string[];
      /** Option that names an installed module instead of a script. */
      readonly module?: string;
      /** The only modules that are understood. */
      readonly modules?: readonly string[];
      /** Scripts or modules that take code as an argument or from standard input. */
      readonly notScripts?: readonly string[];
    }
  | { readonly kind: 'awk' }
  | { readonly kind: 'sed' }
  /** The first operand says what it does; only listed ones are understood. */
  | {
      readonly kind: 'subcommands';
      readonly options: KnownOptions;
      readonly plain: readonly string[];
      readonly special?: Readonly<Record<string, OptionPattern>>;
      /** Refused wherever they stand. */
      readonly refuse?: OptionPattern;
      /** The options of every subcommand, and of single ones; an option that is not listed is not understood. */
      readonly known?: KnownOptions;
      readonly knownOf?: Readonly<Record<string, KnownOptions>>;
      /** The second words that a subcommand may have. */
      readonly only?: Readonly<Record<string, readonly string[]>>;
      /** Subcommands whose operands name what they write. */
      readonly writes?: Readonly<Record<string, WrittenOperands>>;
    }
  /** Operands name files that it writes, makes or removes; its options are fully known. */
  | { readonly kind: 'writes'; readonly options: KnownOptions; readonly written: WrittenOperands }
  /** Changes the directory that everything after it starts from. */
  | { readonly kind: 'directory' };

/** What is known about a program. `source` is where its grammar or the way to abuse it is documented. */
export type ProgramRow = { readonly names: readonly string[]; readonly source: string } & Treatment;
