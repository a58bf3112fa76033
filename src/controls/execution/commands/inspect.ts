import { posix } from 'node:path';
import { assignmentProblem } from './assignments.ts';
import { matchesPattern, parseLeadingOptions, parseOperands } from './options.ts';
import type { ProgramRow, Treatment } from './program-row.ts';
import { programRow } from './programs.ts';
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
}

type Of<K extends Treatment['kind']> = Extract<ProgramRow, { kind: K }>;

const PLAIN: Inspection = { reasons: [], inner: [], lines: [] };

function unclear(...reasons: string[]): Inspection {
  return { ...PLAIN, reasons };
}

function inspectOptions(row: Of<'options'>, name: string, argv: readonly string[]): Inspection {
  const reasons = argv
    .slice(1)
    .filter((argument, index) => {
      const clustered = row.firstIsCluster && index === 0 && !argument.startsWith('-');
      return matchesPattern(clustered ? `-${argument}` : argument, row.refuse);
    })
    .map((argument) => `${name} ${argument}: can run a program or write a file of its own choice`);
  const inner = argv.flatMap((argument, index) => {
    if (!row.inner?.includes(argument)) return [];
    const rest = argv.slice(index + 1);
    const end = rest.findIndex((word) => word === ';' || word === '+');
    return [end < 0 ? rest : rest.slice(0, end)];
  });
  return { reasons, inner: inner.filter((words) => words.length > 0), lines: [] };
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
  if (rest[0] === row.module && row.module !== undefined) rest.shift();
  const script = rest[0];
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
  const special = Object.hasOwn(row.special ?? {}, subcommand) ? row.special?.[subcommand] : undefined;
  if (special === undefined && !row.plain.includes(subcommand)) {
    return unclear(`${name} ${subcommand}: not one of the subcommands that are understood`);
  }
  const reasons = argv
    .slice(parsed.at + 1)
    .filter((word) => matchesPattern(word, row.refuse ?? {}) || matchesPattern(word, special ?? {}))
    .map((word) => `${name} ${subcommand} ${word}: can run a program or write a file of its own choice`);
  // `git -C sub push` is judged as `git push` too, so that a denial of that holds whatever stands between.
  const inner = parsed.at > 1 ? [[name, ...argv.slice(parsed.at)]] : [];
  return { reasons, inner, lines: [] };
}

function inspectWrites(row: Of<'writes'>, name: string, argv: readonly string[]): Inspection {
  const { operands, unknown } = parseOperands(argv, row.options);
  if (unknown !== undefined) return unclear(`${name} ${unknown}: this option is not understood`);
  switch (row.written) {
    case 'all':
      return { ...PLAIN, writes: operands };
    case 'second':
      return { ...PLAIN, writes: operands.slice(1) };
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
      return { ...PLAIN, writes: [target, ...within, ...(row.written === 'move' ? sources : [])] };
    }
  }
}

function inspectRow(row: ProgramRow, name: string, argv: readonly string[]): Inspection {
  switch (row.kind) {
    case 'opaque':
      return unclear(`${name}: ${row.why}`);
    case 'options':
      return inspectOptions(row, name, argv);
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

/** What this argv runs beyond its first word. A program without a row runs its arguments as data. */
export function inspectCommand(argv: readonly string[]): Inspection {
  const name = argv[0] ?? '';
  const row = programRow(name);
  return row === undefined ? PLAIN : inspectRow(row, name, argv);
}
