import { Command as Commander, Option } from 'commander';
import type { Operation } from '../../operations/define.ts';
import { OPERATIONS } from '../../operations/index.ts';
import { type Argument, described, extraOptions, splitArguments } from './arguments.ts';
import { CLI_ONLY } from './cli-only.ts';
import { EXIT_MEANING } from './exit.ts';
import { type GivenOptions, isFilled } from './input.ts';
import { beside } from './view.ts';

/** What help is wrapped to; commander does the same with options and commands. */
const HELP_COLUMNS = 80;

/** What happens when a command is chosen; the program itself only knows words and options. */
export interface Actions {
  operation(operation: Operation, words: readonly (string | undefined)[], given: GivenOptions): Promise<void>;
  cliOnly(command: string, words: readonly (string | undefined)[], given: GivenOptions): Promise<void>;
}

const GROUPS: Readonly<Record<string, string>> = {
  agents: 'Agents',
  anchor: 'Signed checkpoints of other installs, kept here',
  alerts: 'What somebody should look at, and who was told',
  attest: 'Signed evidence of what holds',
  approvals: 'Actions that wait for a person',
  backup: 'Encrypted backups, and coming back from one',
  budget: 'What may be used, and what was',
  channels: 'Chat platforms',
  chat: 'Conversations',
  config: 'The configuration and its history',
  device: 'Paired devices',
  drill: 'Negative tests on the live install',
  drift: 'What is not as approved',
  egress: 'The only way out',
  export: 'The ledger at other places',
  front: 'A proxy in front, for the way in from outside',
  gateway: 'The gateway process',
  grant: 'Time-boxed widening, with a ticket',
  honeytoken: 'Credentials planted to be found',
  instances: 'Several installs on this machine',
  inventory: 'What there is, as measured',
  ledger: 'What happened, provably',
  login: 'Browser login',
  logs: "The gateway's log",
  migrate: 'Coming from another program',
  models: 'Models',
  pairing: 'Senders who ask to be let in',
  principal: 'People and services that may connect',
  run: 'Running turns',
  sandbox: 'Where commands run',
  secrets: 'References to secrets, never values',
  security: 'How easily this install is attacked',
  senders: 'Who may talk to an agent',
  sessions: 'Sessions',
  standing: 'Approvals that hold for a while',
  token: 'Credentials',
  tools: 'Tools',
  tunnel: 'The way in from outside, over ssh',
};

function placeholder(argument: Argument): string {
  switch (argument.shape) {
    case 'number':
      return '<number>';
    case 'list':
      return '<a,b,...>';
    case 'duration':
      return '<time>';
    case 'instant':
      return '<date|ago>';
    case 'json':
    case 'object':
    case 'objects':
      return '<json>';
    default:
      return '<text>';
  }
}

function addOption(command: Commander, argument: Argument): void {
  if (argument.shape === 'boolean') {
    command.addOption(new Option(`--${argument.option}`, described(argument)));
    command.addOption(new Option(`--no-${argument.option}`).hideHelp());
    return;
  }
  const option = new Option(`--${argument.option} ${placeholder(argument)}`, described(argument));
  command.addOption(isFilled(argument.key) ? option.hideHelp() : option);
}

/** A command and what it needs; that it takes options goes without saying, and leaves room for what it does. */
function termOf(command: Commander): string {
  const words = command.registeredArguments.map((argument) => {
    const word = argument.variadic ? `${argument.name()}...` : argument.name();
    return argument.required ? `<${word}>` : `[${word}]`;
  });
  return [command.name(), ...words].join(' ');
}

function examplesText(examples: readonly string[]): string {
  return examples.length === 0 ? '' : `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`;
}

/** The command of these words, made with its groups when it does not exist yet. */
function commandAt(root: Commander, words: readonly string[], hidden = false): Commander {
  return words.reduce((parent, word) => {
    const known = parent.commands.find((command) => command.name() === word);
    return known ?? parent.command(word, { hidden }).description(GROUPS[word] ?? '');
  }, root);
}

function describe(command: Commander, summary: string, description = ''): void {
  command.summary(summary).description(description === '' ? summary : `${summary}.\n${description}`);
}

function addOperation(root: Commander, operation: Operation, actions: Actions, alias?: string): void {
  const words = alias === undefined ? operation.cli.command.split(' ') : [alias];
  const command = commandAt(root, words, alias !== undefined);
  const { positional, options } = splitArguments(operation);
  describe(command, operation.summary, operation.description);
  for (const argument of positional) {
    const many = argument.shape === 'list' || (operation.cli.line === true && argument === positional.at(-1));
    const word = many ? `${argument.option}...` : argument.option;
    const form = argument.required ? `<${word}>` : `[${word}]`;
    command.argument(form, described(argument));
  }
  if (operation.id === 'ledger.verify')
    command.argument('[file]', 'Evidence, or a copy of ledger.db; the ledger of this install when absent.');
  for (const argument of options) addOption(command, argument);
  for (const { flags, description } of extraOptions(operation)) command.option(flags, description);
  command.addHelpText('after', examplesText(operation.cli.examples));
  command.action(() => actions.operation(operation, command.args, command.opts<GivenOptions>()));
}

/** Options and arguments of the commands that are not operations. */
function addCliOnly(root: Commander, actions: Actions): void {
  for (const { command: name, summary, examples, options = [] } of CLI_ONLY) {
    const command = commandAt(root, name.split(' '));
    describe(command, summary);
    for (const { flags, description } of options) command.option(flags, description);
    if (name === 'attest verify') command.argument('<file>', 'The JSON that `gatehouse attest` wrote.');
    if (name.startsWith('backup ')) command.argument('<file>', 'The backup.');
    if (name === 'completion') command.argument('<shell>', 'One of: bash, zsh, fish.');
    if (name === 'token scan') command.argument('[paths...]', 'Files and folders.');
    if (name === 'chat') {
      command.option('--session-key <text>', 'Which conversation; main when absent.');
      command.option('--agent <text>', 'Which agent; the default agent when absent.');
    }
    if (name === 'gateway start') command.option('--json', 'Print exactly the result as JSON.');
    command.addHelpText('after', examplesText(examples));
    command.action(() => actions.cliOnly(name, command.args, command.opts<GivenOptions>()));
  }
}

const EXITS = EXIT_MEANING.flatMap(([code, meaning]) =>
  beside(`  ${String(code).padStart(3)}  `, meaning, { indent: 7, columns: HELP_COLUMNS }),
).join('\n');

const ROOT_HELP = `
Exit codes:
${EXITS}

Environment:
  GATEHOUSE_HOME   Home of the install; ~/.gatehouse when absent.
  GATEHOUSE_PORT   Port of the gateway that is started; 18789 when absent.
  GATEHOUSE_URL    A gateway behind a tunnel: http://127.0.0.1:PORT, with
                   GATEHOUSE_TOKEN.
  NO_COLOR         No colour.

Examples:
  gatehouse agent --message "What is in my workspace?"
  gatehouse token issue laptop --scopes operator.read,operator.write
  gatehouse doctor`;

/** The whole command line, made from the operations and the few commands that are not one. */
export function createProgram(actions: Actions, writeHelp: (text: string) => void): Commander {
  const root = new Commander('gatehouse')
    .description('A self-hosted gateway for AI agents that stays safe when the model turns hostile.')
    .usage('<command> [options]')
    .option('--version', 'Print the version.')
    .helpOption('-h, --help', 'Show this help.')
    .helpCommand('help [command]', 'Show the help of a command')
    .configureHelp({ subcommandTerm: termOf })
    .addHelpText('after', ROOT_HELP)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({ writeOut: writeHelp, writeErr: writeHelp, outputError() {} });
  addCliOnly(root, actions);
  for (const operation of OPERATIONS) {
    addOperation(root, operation, actions);
    for (const alias of operation.cli.aliases ?? []) addOperation(root, operation, actions, alias);
  }
  return root;
}
