import { OPERATIONS } from '../../operations/index.ts';
import { extraOptions, splitArguments } from './arguments.ts';
import { CLI_ONLY } from './cli-only.ts';
import { CLI_CODES } from './codes.ts';

/** Words so far → what can follow: sub-commands, options. */
type Choices = ReadonlyMap<string, readonly string[]>;

function choices(): Choices {
  const following = new Map<string, Set<string>>([['', new Set()]]);
  const add = (words: string, next: string) => {
    const known = following.get(words);
    if (known === undefined) following.set(words, new Set([next]));
    else known.add(next);
  };
  const addCommand = (command: string, options: readonly string[]) => {
    command.split(' ').forEach((word, index, all) => add(all.slice(0, index).join(' '), word));
    for (const option of options) add(command, option);
  };
  for (const { command, options = [] } of CLI_ONLY) {
    addCommand(command, [...options.map(({ flags }) => flags.replace(/ .*/, '')), '--help']);
  }
  for (const operation of OPERATIONS) {
    const options = splitArguments(operation).options.map(({ option }) => `--${option}`);
    const extra = extraOptions(operation).map(({ flags }) => flags.replace(/ .*/, ''));
    addCommand(operation.cli.command, [...options, ...extra, '--help']);
  }
  for (const shell of SHELLS) add('completion', shell);
  return new Map([...following].map(([words, next]) => [words, [...next].sort()]));
}

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Our own names only: letters, digits, dashes and spaces, so nothing needs quoting. */
function cases(table: Choices): string {
  return [...table].map(([words, next]) => `    '${words}') next='${next.join(' ')}' ;;`).join('\n');
}

function bash(table: Choices): string {
  return `# gatehouse completion for bash
_gatehouse() {
  local words='' word next='' index=1
  while [ "$index" -lt "$COMP_CWORD" ]; do
    word="\${COMP_WORDS[$index]}"
    case "$word" in -*) ;; *) words="\${words:+$words }$word" ;; esac
    index=$((index + 1))
  done
  case "$words" in
${cases(table)}
  esac
  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[$COMP_CWORD]}"))
}
complete -o default -F _gatehouse gatehouse
`;
}

function zsh(table: Choices): string {
  return `#compdef gatehouse
# gatehouse completion for zsh
_gatehouse() {
  local words_so_far='' word next=''
  for word in "\${words[@]:1:$((CURRENT - 2))}"; do
    case "$word" in -*) ;; *) words_so_far="\${words_so_far:+$words_so_far }$word" ;; esac
  done
  case "$words_so_far" in
${cases(table)}
  esac
  compadd -- \${=next}
}
compdef _gatehouse gatehouse
`;
}

function fish(table: Choices): string {
  const lines = [...table].map(
    ([words, next]) => `complete -c gatehouse -f -n '__gatehouse_after "${words}"' -a '${next.join(' ')}'`,
  );
  return `# gatehouse completion for fish
function __gatehouse_after
  set -l words (commandline -opc)[2..-1]
  set -l plain (string match -v -- '-*' $words)
  test "$plain" = "$argv[1]"
end
${lines.join('\n')}
`;
}

/**
 * The script that a shell sources, made from the same array as the commands.
 *
 * @throws CLI_USAGE for another shell
 */
export function completionScript(shell: string): string {
  const table = choices();
  if (shell === 'bash') return bash(table);
  if (shell === 'zsh') return zsh(table);
  if (shell === 'fish') return fish(table);
  throw CLI_CODES.error('CLI_USAGE', `completion knows ${SHELLS.join(', ')}`);
}
