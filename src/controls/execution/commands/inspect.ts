import { posix } from 'node:path';
import { assignmentProblem } from './assignments.ts';
import { matchesPattern, parseLeadingOptions, parseOperands } from './options.ts';
import type { OptionPattern, ProgramRow, Treatment, WrittenOperands } from './program-row.ts';
import { isDataProgram, programRow } from './programs.ts';
import { awkIsPlain, sedIsPlain } from './text-programs.ts';

/** What running one argv means beyond the program itself. */
export interface Inspection {
  /** Why it is not fully understood. */
  readonly reasons: readonly string[];
  /** Commands that it runs in turn. */
  readonly inner: readonly (readonly string[])[];
  /** Shell lines that it hands to a shell. */
  readonly lines: readonly string[];
  /** The directory it changes to, `''` when that is not known, undefined when it changes none. */
  readonly directory?: string;
  /** Words that name files it writes, makes or removes. */
  readonly writes?: readonly string[];
  /** Nothing is known about the program. */
  readonly stranger?: boolean;
}

type Of<K extends Treatment['kind']> = Extract<ProgramRow, { kind: K }>;

const PLAIN: Inspection = { reasons: [], inner: [], lines: [] };

function unclear(...reasons: string[]): Inspection {
  return { ...PLAIN, reasons };
}

const OF_ITS_OWN_CHOICE = 'can run a program or write a file of its own choice';

function refusedArguments(name: string, args: readonly string[], pattern?: OptionPattern): string[] {
  if (pattern === undefined) return [];
  return args
    .filter((argument) => matchesPattern(argument, pattern))
    .map((argument) => `${name} ${argument}: ${OF_ITS_OWN_CHOICE}`);
}

function inspectKnown(row: Of<'known'>, name: string, argv: readonly string[]): Inspection {
  const [program = '', first = '', ...rest] = argv;
  const clustered = row.firstIsCluster === true && first !== '' && !first.startsWith('-');
  const args = clustered ? [program, `-${first}`, ...rest] : argv;
  const { operands, written, unknown } = parseOperands(args, row.options);
  const reasons = [
    ...(unknown === undefined ? [] : [`${name} ${unknown}: this option is not understood`]),
    ...refusedArguments(name, argv.slice(1), row.refuse),
    ...refusedArguments(name, operands, row.operands),
  ];
  const { mustHave } = row;
  if (mustHave !== undefined && !mustHave.words.some((word) => argv.includes(word)))
    reasons.push(mustHave.why);
  const inner = argv.flatMap((argument, index) => {
    if (!row.inner?.includes(argument)) return [];
    const after = argv.slice(index + 1);
    const end = after.findIndex((word) => word === ';' || word === '+');
    return [end < 0 ? after : after.slice(0, end)];
  });
  return { reasons, inner: inner.filter((words) => words.length > 0), lines: [], writes: written };
}

function inspectWrapper(row: Of<'wrapper'>, name: string, argv: readonly string[]): Inspection {
  if (row.informs?.includes(argv[1] ?? '')) return PLAIN;
  const parsed = parseLeadingOptions(argv, row.options);
  if (!parsed.understood) return unclear(`${name} ${parsed.option}: this option is not understood`);
  let at = parsed.at + (row.operands ?? 0);
  const reasons: string[] = row.why === undefined ? [] : [row.why];
  while (row.assignments && argv[at]?.includes('=')) {
    const [variable = '', ...value] = (argv[at] ?? '').split('=');
    const problem = assignmentProblem(variable, value.join('='));
    if (problem !== undefined) reasons.push(problem);
    at += 1;
  }
  const inner = argv.slice(at);
  return { reasons, inner: inner.length > 0 ? [inner] : [], lines: [] };
}

const FROM_INPUT = 'runs code from its standard input';

/** `/dev/stdin`, `/dev/fd/3`, `/proc/self/fd/0`: a script that is not a file anyone can look at. */
function isInputPath(script: string): boolean {
  return script === '-' || /^\/+(?:dev|proc)(?:\/|$)/.test(script);
}

/** Letters of sh that neither read further files nor change the meaning of the script. */
const SHELL_FLAGS = /^-[cexu]+$/;
const LOGIN_FLAGS = /^-[cexuli]+$/;

function inspectShell(name: string, argv: readonly string[]): Inspection {
  const reasons: string[] = [];
  let inline = false;
  let at = 1;
  for (; at < argv.length && (argv[at] ?? '').startsWith('-'); at += 1) {
    const argument = argv[at] ?? '';
    if (!LOGIN_FLAGS.test(argument)) return unclear(`${name} ${argument}: this option is not understood`);
    if (!SHELL_FLAGS.test(argument)) reasons.push(`${name} ${argument}: reads start-up files first`);
    inline ||= argument.includes('c');
  }
  const script = argv[at];
  if ((argv[at] ?? '').startsWith('+')) return unclear(`${name} ${script}: this option is not understood`);
  if (script === undefined || (!inline && isInputPath(script))) return unclear(`${name} ${FROM_INPUT}`);
  return { reasons, inner: [], lines: inline ? [script] : [] };
}

function inspectInterpreter(row: Of<'interpreter'>, name: string, argv: readonly string[]): Inspection {
  const rest = argv.slice(1);
  if (row.informs?.includes(rest[0] ?? '')) {
    const code = rest.slice(1).some((word) => word.startsWith('-') || isInputPath(word));
    return code ? unclear(`${name} with inline code`) : PLAIN;
  }
  while (row.flags?.includes(rest[0] ?? '')) rest.shift();
  const named = row.module !== undefined && rest[0] === row.module;
  if (named) rest.shift();
  const script = rest[0];
  if (named && script !== undefined && row.modules?.includes(script) !== true) {
    return unclear(`${name} ${row.module} ${script}: not one of the modules that are understood`);
  }
  // `python -m pytest` and `python -m pip` are judged as the programs of that name.
  if (named && (script === 'pytest' || script === 'pip')) return { ...PLAIN, inner: [rest] };
  if (script === undefined || isInputPath(script)) return unclear(`${name} ${FROM_INPUT}`);
  if (script.startsWith('-')) return unclear(`${name} ${script}: inline code or an option not understood`);
  if (row.notScripts?.includes(script)) return unclear(`${name} ${script}: takes code as text`);
  return PLAIN;
}

function inspectSubcommands(row: Of<'subcommands'>, name: string, argv: readonly string[]): Inspection {
  const parsed = parseLeadingOptions(argv, row.options);
  if (!parsed.understood) return unclear(`${name} ${parsed.option}: this option is not understood`);
  const subcommand = argv[parsed.at];
  if (subcommand === undefined) return PLAIN;
  // `git -C sub push` is judged as `git push` too, so that a denial of that holds whatever stands between.
  const inner = parsed.at > 1 ? [[name, ...argv.slice(parsed.at)]] : [];
  const own = <T>(of: Readonly<Record<string, T>> | undefined): T | undefined =>
    of !== undefined && Object.hasOwn(of, subcommand) ? of[subcommand] : undefined;
  const special = own(row.special);
  const known = own(row.knownOf) ?? row.known;
  if (special === undefined && own(row.knownOf) === undefined && !row.plain.includes(subcommand)) {
    return { ...unclear(`${name} ${subcommand}: not one of the subcommands that are understood`), inner };
  }
  const args = argv.slice(parsed.at + 1);
  const reasons = [
    ...refusedArguments(`${name} ${subcommand}`, args, row.refuse),
    ...refusedArguments(`${name} ${subcommand}`, args, special),
  ];
  const only = own(row.only);
  if (only !== undefined && args[0] !== undefined && !only.includes(args[0])) {
    reasons.push(`${name} ${subcommand} ${args[0]}: not one of the subcommands that are understood`);
  }
  if (known === undefined) return { reasons, inner, lines: [] };
  const { operands, written, unknown } = parseOperands([subcommand, ...args], known);
  if (unknown !== undefined) reasons.push(`${name} ${subcommand} ${unknown}: this option is not understood`);
  const writes = own(row.writes);
  const named = writes === undefined ? PLAIN : writesOf(writes, `${name} ${subcommand}`, operands);
  return {
    reasons: [...reasons, ...named.reasons],
    inner,
    lines: [],
    writes: [...written, ...(named.writes ?? [])],
  };
}

function inspectWrites(row: Of<'writes'>, name: string, argv: readonly string[]): Inspection {
  const { operands, unknown } = parseOperands(argv, row.options);
  if (unknown !== undefined) return unclear(`${name} ${unknown}: this option is not understood`);
  return writesOf(row.written, name, operands);
}

function writesOf(written: WrittenOperands, name: string, operands: readonly string[]): Inspection {
  switch (written) {
    case 'all':
      return { ...PLAIN, writes: operands };
    case 'second':
    case 'after-first':
      return { ...PLAIN, writes: operands.slice(1) };
    case 'target':
    case 'move': {
      const sources = operands.slice(0, -1);
      const target = operands.at(-1) ?? '';
      // `cp -r a/. b` puts names into b that stand nowhere in the line.
      const nameless = sources.some((source) => ['', '.', '..'].includes(posix.basename(source)));
      if (nameless || target === '') return unclear(`${name}: what it writes has no name in this line`);
      const within = sources.map((source) => `${target}/${posix.basename(source)}`);
      return { ...PLAIN, writes: [target, ...within, ...(written === 'move' ? sources : [])] };
    }
  }
}

function inspectRow(row: ProgramRow, name: string, argv: readonly string[]): Inspection {
  switch (row.kind) {
    case 'opaque':
      return unclear(`${name}: ${row.why}`);
    case 'known':
      return inspectKnown(row, name, argv);
    case 'except':
      return unclear(...refusedArguments(name, argv.slice(1), row.refuse));
    case 'wrapper':
      return inspectWrapper(row, name, argv);
    case 'shell':
      return inspectShell(name, argv);
    case 'interpreter':
      return inspectInterpreter(row, name, argv);
    case 'awk':
      return awkIsPlain(argv) ? PLAIN : unclear(`${name}: a program that can run commands or write files`);
    case 'sed':
      return sedIsPlain(argv)
        ? PLAIN
        : unclear(`${name}: a script or option that can run commands or write files`);
    case 'subcommands':
      return inspectSubcommands(row, name, argv);
    case 'writes':
      return inspectWrites(row, name, argv);
    case 'directory':
      return { ...PLAIN, directory: argv.length === 2 && !argv[1]?.startsWith('-') ? (argv[1] ?? '') : '' };
  }
}

/**
 * What this argv runs beyond its first word. A program that no table knows takes its arguments as data only for the
 * operator whose rule names it (`stranger`).
 */
export function inspectCommand(argv: readonly string[]): Inspection {
  const name = argv[0] ?? '';
  const row = programRow(name);
  if (row !== undefined) return inspectRow(row, name, argv);
  return isDataProgram(name) ? PLAIN : { ...PLAIN, stranger: true };
}
