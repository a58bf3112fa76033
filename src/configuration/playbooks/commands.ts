import type { Rule } from '../../kernel/index.ts';
import { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';
import { ruleFacts } from './facts.ts';
import type { Playbook } from './schema.ts';

type CommandLine = NonNullable<Playbook['commands']>[number];

/** Allowing one of these allows every command (attacks 71, 72). */
const INTERPRETERS = new Set([
  'sh',
  'bash',
  'dash',
  'zsh',
  'fish',
  'ash',
  'ksh',
  'csh',
  'tcsh',
  'pwsh',
  'busybox',
  'toybox',
  'python',
  'perl',
  'ruby',
  'node',
  'nodejs',
  'deno',
  'bun',
  'php',
  'lua',
  'luajit',
  'tclsh',
  'expect',
  'Rscript',
  'awk',
  'gawk',
  'mawk',
  'nawk',
  'jq',
  'bc',
  'dc',
  'gdb',
  'osascript',
  'env',
  'xargs',
  'nice',
  'ionice',
  'nohup',
  'timeout',
  'setsid',
  'stdbuf',
  'time',
  'watch',
  'parallel',
  'script',
  'sudo',
  'su',
  'doas',
  'chroot',
  'unshare',
  'nsenter',
  'setpriv',
  'flock',
  'ssh',
  'npx',
  'bunx',
  'pnpx',
  'uvx',
  'eval',
  'exec',
  'source',
  'command',
  'builtin',
  '.',
  'strace',
  'ltrace',
  'docker',
  'podman',
  'kubectl',
]);
/** `python3.12`, `lua5.4`, `perl5`: the same programs with a version. */
const VERSIONED = /^([A-Za-z]+)[0-9][0-9.]*$/;

/** Programs whose options or subcommands run others; only a subcommand may be allowed (attack 70). */
const WIDE = new Set([
  'git',
  'find',
  'tar',
  'sed',
  'rsync',
  'scp',
  'sftp',
  'zip',
  'vi',
  'vim',
  'nvim',
  'nano',
  'ed',
  'emacs',
  'less',
  'more',
  'man',
  'make',
  'npm',
  'pnpm',
  'yarn',
  'pip',
  'pip3',
  'cargo',
  'go',
  'mvn',
  'gradle',
  'apt',
  'apt-get',
  'dpkg',
  'systemctl',
  'journalctl',
  'curl',
  'wget',
  'nc',
  'socat',
  'openssl',
  'gh',
  'dd',
  'tee',
  'install',
  'ln',
  'crontab',
  'at',
  'batch',
]);

const WORD = /^[A-Za-z0-9_@%+=:,./-]+$/;
const PROGRAM = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/;

function isInterpreter(program: string): boolean {
  const base = VERSIONED.exec(program)?.[1];
  return INTERPRETERS.has(program) || (base !== undefined && INTERPRETERS.has(base));
}

/** The program and whether more words follow; undefined when the pattern is not plain words. */
function splitPattern(pattern: string): { readonly program: string; readonly wide: boolean } | undefined {
  const exact = pattern.endsWith(' $');
  const words = (exact ? pattern.slice(0, -2) : pattern).split(' ');
  const [program] = words;
  if (program === undefined || !PROGRAM.test(program) || !words.every((word) => WORD.test(word)))
    return undefined;
  return { program, wide: words.length === 1 && !exact };
}

function checkPattern(
  pattern: string,
  effect: Rule['effect'],
  at: readonly Segment[],
  issues: Issues,
): boolean {
  const split = splitPattern(pattern);
  if (split === undefined) {
    issues.error(at, 'PLAYBOOK_COMMAND_INVALID');
    return false;
  }
  if (effect !== 'allow') return true;
  const { program, wide } = split;
  if (isInterpreter(program)) {
    issues.error(at, 'PLAYBOOK_INTERPRETER', { message: `allowing ${program} allows every command` });
  } else if (wide && WIDE.has(program)) {
    const message = `allowing ${program} with any arguments allows it to run other programs or write anywhere`;
    issues.error(at, 'PLAYBOOK_COMMAND_TOO_WIDE', { message });
  }
  return true;
}

/**
 * Rules of `commands`, in file order, `otherwise` last. A program is its bare name when it lies in a system
 * directory and its path otherwise, so that `./ls` in a workspace is not the `ls` that was allowed. A denied name
 * does not cover a copy of that program elsewhere, under the same name or another; such a path is never allowed
 * either, because no pattern can name it.
 */
export function compileCommands(lines: readonly CommandLine[], issues: Issues): readonly Rule[] {
  const rules: Rule[] = [];
  let last: Rule | undefined;
  lines.forEach((line, index) => {
    const at = ['commands', index];
    const effects = (['allow', 'ask', 'deny', 'otherwise'] as const).filter((key) => line[key] !== undefined);
    const [effect] = effects;
    if (effects.length !== 1 || effect === undefined || (effect === 'otherwise' && last !== undefined)) {
      issues.error(at, 'CONFIG_BAD_VALUE', {
        message: 'each line holds exactly one of allow, ask, deny and otherwise, and otherwise stands once',
      });
      return;
    }
    const facts = ruleFacts(line, effect, at, issues);
    if (effect === 'otherwise') {
      last = { id: 'command:otherwise', kind: 'exec', effect: line.otherwise ?? 'deny', ...facts };
      return;
    }
    const patterns = line[effect] ?? [];
    patterns.forEach((pattern, place) => {
      if (!checkPattern(pattern, effect, [...at, effect, place], issues)) return;
      rules.push({ ...commandRule(pattern, effect), ...facts });
    });
  });
  // A denial would win over every line before it; that nothing matches is the same and denies the rest only.
  return last?.effect === 'ask' ? [...rules, last] : rules;
}

function commandRule(pattern: string, effect: Rule['effect']): Rule {
  const split = splitPattern(pattern);
  const program = [split?.program ?? ''];
  const everyPath = split?.wide === true && effect !== 'allow';
  const match: Readonly<Record<string, readonly string[]>> = everyPath
    ? { program }
    : { program, command: [pattern] };
  return { id: `command:${pattern}`, kind: 'exec', effect, match };
}

/** Why a command pattern may not be allowed; undefined when it may. */
export function commandProblem(pattern: string): string | undefined {
  const issues = new Issues();
  checkPattern(pattern, 'allow', [], issues);
  return issues.errors[0]?.message;
}
