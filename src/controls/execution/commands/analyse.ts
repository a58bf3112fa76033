import { type Command, forEachChild, parse, type Redirection, type SyntaxNode } from 'unbash';
import { normaliseSandboxPath } from '../files/path.ts';
import type { CommandAnalysis } from '../types.ts';
import { hasHiddenCharacters } from '../visible.ts';
import { assignmentProblem } from './assignments.ts';
import { canonicalArgv } from './canonical.ts';
import { Findings } from './findings.ts';
import { inspectCommand } from './inspect.ts';
import { analyseRedirection, analyseWrite, type Redirection as FileUse } from './redirections.ts';
import { onlySeparatorsOutside, syntaxProblem } from './syntax.ts';
import { decodeWord } from './words.ts';

/** Bytes of a command line. */
export const MAX_COMMAND_BYTES = 16_384;
/** Levels of syntax inside syntax. */
export const MAX_SYNTAX_DEPTH = 48;
/** Levels of a command that runs a command. */
export const MAX_WRAPPER_DEPTH = 8;
/** Simple commands in one line, those inside others included. */
export const MAX_COMMANDS = 128;

/** Directories of installed programs: a program in one of them is meant by its name alone. */
const PROGRAM_DIRECTORIES = /^\/(?:usr\/(?:local\/)?)?s?bin\/([^/]+)$/;

function programName(word: string, findings: Findings): string {
  if (!word.includes('/')) return word;
  if (!word.startsWith('/')) findings.relativeUse = true;
  const path = normaliseSandboxPath(word, findings.cwd);
  return PROGRAM_DIRECTORIES.exec(path)?.[1] ?? path;
}

function addFiles(use: FileUse, findings: Findings): void {
  if (!use.understood) findings.reasons.add(use.reason);
  for (const { kind, path, relative } of use.files) {
    findings.relativeUse ||= relative;
    findings.files.set(`${kind} ${path}`, { kind, path });
  }
}

/** Record one argv, and then whatever it runs in turn. */
function addCommand(argv: readonly string[], findings: Findings, depth: number): void {
  const name = argv[0] ?? '';
  if (depth > MAX_WRAPPER_DEPTH || findings.commands.length >= MAX_COMMANDS) {
    findings.reasons.add('more commands, or commands inside commands, than are looked at');
    return;
  }
  if (name === '' || name.startsWith('-')) findings.reasons.add('a command without a usable name');
  if (/(?:^|\/)\.\.(?:\/|$)/.test(name)) findings.reasons.add('a program named through a parent directory');
  findings.words.push(...argv);
  const program = programName(name, findings);
  findings.commands.push({ program, command: canonicalArgv([program, ...argv.slice(1)]) });
  const { reasons, inner, lines, directory, writes = [], stranger } = inspectCommand(argv);
  if (stranger === true) findings.strangers.add(program);
  for (const reason of reasons) findings.reasons.add(reason);
  for (const target of writes) addFiles(analyseWrite(target, findings.cwd), findings);
  if (directory !== undefined) findings.enter(directory);
  for (const words of inner) addCommand(words, findings, depth + 1);
  for (const line of lines) analyseText(line, findings, depth + 1);
}

/** A word that is not clear stands in the argv as it is written, so that denials still see the program. */
function wordValue(text: string, parsed: string | undefined, findings: Findings): string {
  const word = decodeWord(text);
  if (!word.clear) {
    findings.reasons.add(word.reason);
    return text;
  }
  if (parsed !== undefined && parsed !== word.value)
    findings.reasons.add('a word that can be read in two ways');
  return word.value;
}

/** One parsed text; positions of its nodes count in `source`. */
interface Parsed {
  readonly source: string;
  readonly findings: Findings;
  readonly covered: { readonly pos: number; readonly end: number }[];
  readonly depth: number;
}

function visitAssignments(node: Command, { findings, covered }: Parsed): void {
  for (const item of node.prefix) {
    if (item.type !== 'Assignment') continue;
    covered.push(item);
    const value = item.value.type === 'Word' ? wordValue(item.value.text, item.value.value, findings) : '';
    const simple = item.append !== true && item.index === undefined && item.value.type === 'Word';
    const problem = simple ? assignmentProblem(item.name, value) : 'an assignment to an array';
    if (problem !== undefined) findings.reasons.add(problem);
  }
}

function visitRedirection(redirect: Redirection, { source, findings, covered }: Parsed): void {
  covered.push(redirect);
  if (redirect.type !== 'Redirect') return;
  addFiles(analyseRedirection(redirect, source, findings.cwd), findings);
}

function visitCommand(node: Command, parsed: Parsed): void {
  const { findings, covered, depth } = parsed;
  visitAssignments(node, parsed);
  if (node.name === undefined) return;
  const argv: string[] = [];
  for (const word of [node.name, ...node.args]) {
    covered.push(word);
    argv.push(wordValue(word.text, word.type === 'Word' ? word.value : undefined, findings));
  }
  addCommand(argv, findings, depth);
}

/** Walk everything, also below what is not understood, so that a denial finds the commands inside. */
function visit(node: SyntaxNode, parsed: Parsed, level: number): void {
  const { findings, covered } = parsed;
  if (level > MAX_SYNTAX_DEPTH) {
    findings.reasons.add('syntax that is nested too deeply');
    return;
  }
  const problem = syntaxProblem(node.type);
  if (problem !== undefined) findings.reasons.add(problem);
  switch (node.type) {
    case 'Script':
      if ((node as { errors?: readonly unknown[] }).errors?.length) findings.reasons.add('a syntax error');
      break;
    case 'Statement':
      if (node.background === true) findings.reasons.add('a command in the background');
      break;
    case 'Pipeline':
      if (node.operators.includes('|&')) findings.reasons.add('a pipe that shells read differently (|&)');
      break;
    case 'Time':
      covered.push({ pos: node.pos, end: node.keywordEnd });
      if (node.posix ?? node.endOfOptions) findings.reasons.add('options of time');
      addCommand(['time'], findings, parsed.depth);
      break;
    case 'Command':
      visitCommand(node, parsed);
      break;
    case 'Redirect':
    case 'HereDoc':
    case 'HereString':
      visitRedirection(node, parsed);
      break;
  }
  forEachChild(node, (child) => visit(child, parsed, level + 1));
}

function analyseText(source: string, findings: Findings, depth: number): void {
  if (hasHiddenCharacters(source)) findings.reasons.add('a hidden or control character');
  const parsed: Parsed = { source, findings, covered: [], depth };
  const before = findings.commands.length;
  try {
    visit(parse(source), parsed, 0);
    if (!onlySeparatorsOutside(source, parsed.covered)) {
      findings.reasons.add('text between the commands that is not understood, such as a comment');
    }
  } catch {
    findings.reasons.add('a line that the parser cannot read');
  }
  if (findings.commands.length === before && findings.reasons.size > 0) addUnread(source, findings);
}

/** Something is always asked for: a line in which no command was found is one command without a name. */
function addUnread(source: string, findings: Findings): void {
  findings.commands.push({ program: '', command: canonicalArgv([source]) });
}

function collect(line: string, cwd: string): Findings {
  const findings = new Findings(cwd);
  if (Buffer.byteLength(line) > MAX_COMMAND_BYTES) {
    findings.reasons.add(`a line longer than ${MAX_COMMAND_BYTES} bytes`);
    addUnread('', findings);
    return findings;
  }
  try {
    findings.directories[0] = normaliseSandboxPath(cwd, '/');
  } catch {
    findings.reasons.add('a working directory that is not a usable path');
    findings.directories[0] = '/';
  }
  analyseText(line, findings, 0);
  return findings;
}

/**
 * Take a shell line apart into its simple commands and redirections. Pure; never throws. Commands that run
 * commands (`env`, `timeout`, `sh -c`) are listed together with what they run. Whatever is not understood in
 * the same way by dash, bash and this function is named in `unclear`, and then every action is unclear.
 *
 * @param cwd absolute directory inside the sandbox in which the line would run.
 */
export function analyseCommand(line: string, cwd: string): CommandAnalysis {
  return collect(line, cwd).result();
}

/** The words of a line, what it redirects, and the directories that a relative word may start from. */
export function commandWords(
  line: string,
  cwd: string,
): {
  readonly words: readonly string[];
  readonly files: readonly string[];
  readonly directories: readonly string[];
} {
  const { words, files, directories } = collect(line, cwd);
  return { words, directories, files: [...files.values()].map(({ path }) => path) };
}
