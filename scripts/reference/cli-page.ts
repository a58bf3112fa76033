import type { Operation } from '../../src/operations/define.ts';
import { OPERATIONS } from '../../src/operations/index.ts';
import { extraOptions, splitArguments } from '../../src/surfaces/cli/arguments.ts';
import { CLI_ONLY, type CliOnlyCommand } from '../../src/surfaces/cli/cli-only.ts';
import { EXIT_MEANING } from '../../src/surfaces/cli/exit.ts';
import { isFilled } from '../../src/surfaces/cli/input.ts';
import { page, table } from './markdown.ts';

function fence(lines: readonly string[]): string {
  return ['```sh', ...lines, '```'].join('\n');
}

function usage(operation: Operation): string {
  const words = splitArguments(operation).positional.map(({ option, required, shape }) => {
    const word = shape === 'list' ? `${option}...` : option;
    return required ? `<${word}>` : `[${word}]`;
  });
  return ['gatehouse', operation.cli.command, ...words].join(' ');
}

function chapter(operation: Operation): readonly string[] {
  const { cli, summary, id } = operation;
  const options = splitArguments(operation)
    .options.filter(({ key }) => !isFilled(key))
    .map(({ option, required, description, choices }) => [
      required ? `\`--${option}\` (needed)` : `\`--${option}\``,
      `${description.replace(/ In (Unix )?milliseconds\.$/, '')}${choices.length === 0 ? '' : ` One of: ${choices.join(', ')}.`}`,
    ]);
  const extra = extraOptions(operation).map(({ flags, description }) => [`\`${flags}\``, description]);
  const aliases = (cli.aliases ?? []).map((alias) => `\`gatehouse ${alias}\``);
  return [
    `## gatehouse ${cli.command}`,
    `${summary}. Operation: [\`${id}\`](operations.md#${id.replaceAll('.', '')}).` +
      `${cli.offline ? ' Works without a running gateway.' : ''}` +
      `${aliases.length === 0 ? '' : ` Also: ${aliases.join(', ')}.`}`,
    fence([usage(operation), '', ...cli.examples]),
    table(['option', 'meaning'], [...options, ...extra]),
  ];
}

/** A command without an operation: it works on files of the account that types it. */
function localChapter({ command, summary, examples, options = [] }: CliOnlyCommand): readonly string[] {
  const meanings = options.map(({ flags, description }) => [`\`${flags}\``, description]);
  return [
    `## gatehouse ${command}`,
    `${summary}.`,
    fence(examples),
    ...(meanings.length === 0 ? [] : [table(['option', 'meaning'], meanings)]),
  ];
}

/** docs/reference/cli.md */
export function cliPage(): string {
  return page([
    '# Command line',
    'Commands are made from the [operations](operations.md). They talk to the gateway of the home over ' +
      '`run/gateway.sock`, whose folder only its owner can enter; without a running gateway, the commands that say so ' +
      'work directly on the home. With `GATEHOUSE_URL=http://127.0.0.1:PORT` and `GATEHOUSE_TOKEN` they talk to a ' +
      'gateway at the other end of a tunnel; a token is never sent to anything but a loopback address.',
    '## Values',
    'Options are the keys of the input in kebab case. Lists are separated by commas. Lengths of time carry their unit ' +
      '(`250ms`, `30s`, `5m`, `2h`, `7d`, `1w`); points in time are dates (`2026-03-01`) or lengths of time ago (`7d`). ' +
      '`null` clears a value that may be empty. `--no-NAME` is the opposite of the switch `--NAME`.',
    '## Output',
    'Results go to stdout, everything about them to stderr. With `--json`, stdout is exactly the result; a failure ' +
      'leaves stdout empty and writes one line `{"ok":false,"error":{"code","message","fix","details"?}}` to stderr. ' +
      'Without it a failure is `CODE: message` and `fix: ...` on stderr. Text of models, tools and senders is written ' +
      'with every character that a terminal would act on shown as `⟨U+XXXX⟩`.',
    '## Exit codes',
    table(
      ['code', 'meaning'],
      EXIT_MEANING.map(([code, meaning]) => [String(code), meaning]),
    ),
    '## Commands that are no operation',
    table(
      ['command', 'what it does', 'why it is no operation'],
      CLI_ONLY.map(({ command, summary, reason }) => [`\`gatehouse ${command}\``, summary, reason]),
    ),
    ...CLI_ONLY.flatMap(localChapter),
    ...OPERATIONS.flatMap(chapter),
  ]);
}
