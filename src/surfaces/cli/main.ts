import type { Command as CommanderCommand } from 'commander';
import { asGatehouseError, GatehouseError } from '../../kernel/index.ts';
import type { Operation } from '../../operations/define.ts';
import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import type { GivenOptions } from './input.ts';
import type { CliIo, CliParts } from './io.ts';
import { createOutput, localFailure, type Output } from './output.ts';
import { createInvoke } from './session.ts';
import { withHelpOf } from './usage.ts';
import { asTyped } from './view.ts';

type Words = readonly (string | undefined)[];

/**
 * The command line. Never throws: whatever goes wrong is on stderr and in the exit code.
 *
 * @param argv words after the program's name
 * @returns the exit code, see `EXIT_MEANING`
 */
export async function runCli(argv: readonly string[], io: CliIo, parts: CliParts): Promise<number> {
  // Answered before anything is loaded: shells and scripts ask for it often.
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    io.stdout.write(`${parts.version}\n`);
    return EXIT.ok;
  }
  const output = createOutput(io, argv.includes('--json') || argv.includes('--events'), parts.command);
  try {
    const invoke = createInvoke(io, parts, () => {
      if (!output.json)
        output.note(output.paint('dim', 'No gateway runs; this comes from the files of the home.'));
    });
    return await parseAndRun(argv, { io, parts, output, invoke });
  } catch (thrown) {
    const error = thrown instanceof GatehouseError ? thrown : localFailure(thrown);
    output.error(error);
    return exitCodeOf(error);
  }
}

async function parseAndRun(argv: readonly string[], command: Command): Promise<number> {
  const { io, parts } = command;
  const [{ CommanderError }, { createProgram }] = await Promise.all([
    import('commander'),
    import('./program.ts'),
  ]);
  let exit: number = EXIT.ok;
  let help = '';
  const program = createProgram(
    {
      async operation(operation, words, given) {
        exit = await runOperation(command, operation, words, given);
      },
      async cliOnly(name, words, given) {
        exit = await runCliOnly(command, name, words, given);
      },
    },
    (text) => {
      help += asTyped(text, command.output.view);
    },
  );
  try {
    await program.parseAsync([...argv], { from: 'user' });
    if (program.opts<{ version?: boolean }>().version === true) io.stdout.write(`${parts.version}\n`);
    return exit;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    return explainUsage(thrown, help, { io, fix: `${commandIn(program, argv)} --help` });
  }
}

/** The part of the command line that names a command. */
function commandIn(program: CommanderCommand, argv: readonly string[]): string {
  let command = program;
  for (const word of argv) {
    const next = command.commands.find((child) => child.name() === word);
    if (next === undefined) break;
    command = next;
  }
  const path: string[] = [];
  for (let at: CommanderCommand | null = command; at !== null; at = at.parent) path.unshift(at.name());
  return path.join(' ');
}

/** Help that was asked for is a result; help instead of a command is a wrong command line. */
function explainUsage(
  error: { readonly code: string; readonly message: string },
  help: string,
  { io, fix }: { readonly io: CliIo; readonly fix: string },
): number {
  if (error.code === 'commander.helpDisplayed') {
    io.stdout.write(help);
    return EXIT.ok;
  }
  if (error.code === 'commander.help') {
    io.stderr.write(help);
    return EXIT.usage;
  }
  const message = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
  const quotes = error.code === 'commander.excessArguments' ? '; a text of several words needs quotes' : '';
  throw CLI_CODES.error('CLI_USAGE', message, { fix: `${fix}${quotes}` });
}

async function runOperation(
  command: Command,
  operation: Operation,
  words: Words,
  given: GivenOptions,
): Promise<number> {
  const [file] = words;
  if (operation.id === 'ledger.verify' && file !== undefined) {
    return (await import('./ledger-verify.ts')).runLedgerVerify(command, file, given);
  }
  const { inputFrom } = await import('./input.ts');
  try {
    return await callOperation(command, operation, await inputFrom(operation, words, given, command), given);
  } catch (thrown) {
    throw withHelpOf(operation, thrown);
  }
}

async function callOperation(
  command: Command,
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
  given: GivenOptions,
): Promise<number> {
  const { io, output, invoke } = command;
  const events = given['events'] === true;
  if (operation.id === 'agent.run') {
    const { runAgent } = await import('./agent.ts');
    return runAgent(command, input, { wait: given['wait'] !== false, events });
  }
  const mayFix = operation.id === 'doctor.run' || operation.id === 'security.audit';
  if (mayFix && given['fix'] === true) {
    const { runDoctorFix } = await import('./doctor-fix.ts');
    return runDoctorFix(command, given);
  }
  if (operation.id === 'security.audit') {
    const { runAudit } = await import('./audit.ts');
    return runAudit(command, given, () => invoke(operation, input));
  }
  const { eventLines, resultExit, resultLines } = await import('./render/results.ts');
  const follows = input['follow'] === true || operation.id === 'drift.watch';
  const streams = events || follows;
  const stop = new AbortController();
  const forget = io.onInterrupt(() => stop.abort());
  const onEvent = (event: unknown) => {
    if (events) output.event({ event });
    else if (output.json) output.event(event);
    else output.lines(eventLines(event, output.view));
  };
  try {
    const result = await invoke(operation, input, { signal: stop.signal, ...(streams ? { onEvent } : {}) });
    if (operation.id === 'attest.create' && !output.json) {
      return (await import('./attest.ts')).writeAttestation(command, input, result);
    }
    if (operation.id === 'gateway.stop') await (await import('./stopped.ts')).untilStopped(command);
    if (events) output.event({ result });
    else if (output.json && !follows) output.document(result);
    else if (!follows) output.lines(resultLines(operation.id, result, output.view));
    return resultExit(operation.id, result);
  } catch (thrown) {
    const error = asGatehouseError(thrown);
    // Ctrl-C is how a person ends something that goes on until stopped.
    if (follows && error.code === 'CLI_INTERRUPTED') return EXIT.ok;
    throw thrown;
  } finally {
    forget();
  }
}

async function runCliOnly(
  command: Command,
  name: string,
  words: Words,
  given: GivenOptions,
): Promise<number> {
  const { io, output, parts } = command;
  if (name === 'gateway run') return parts.processes.run();
  if (name === 'gateway start') return startGateway(parts, output);
  if (name === 'chat') {
    const { runChat } = await import('./chat.ts');
    return runChat(command, given);
  }
  if (name === 'attest verify') {
    const { runAttestVerify } = await import('./attest.ts');
    return runAttestVerify(command, words, given);
  }
  if (name.startsWith('backup ')) {
    const { runBackup } = await import('./backup.ts');
    return runBackup(command, name, words, given);
  }
  if (name === 'ledger export') {
    const { runLedgerExport } = await import('./ledger-export.ts');
    return runLedgerExport(command, given);
  }
  if (name === 'migrate openclaw') {
    const { runMigrate } = await import('./migrate.ts');
    return runMigrate(command, given);
  }
  if (name === 'tunnel install') {
    const { runTunnelInstall } = await import('./tunnel-install.ts');
    return runTunnelInstall(command, given);
  }
  if (name === 'token scan') {
    const { runTokenScan } = await import('./token-scan.ts');
    return runTokenScan(command, words, given);
  }
  const { completionScript } = await import('./completion.ts');
  io.stdout.write(completionScript(words[0] ?? ''));
  return EXIT.ok;
}

async function startGateway(parts: CliParts, output: Output): Promise<number> {
  const report = await parts.processes.start();
  if (output.json) {
    output.document(report);
    return EXIT.ok;
  }
  const { startLines } = await import('./render/reports.ts');
  output.lines(startLines(report, output.view));
  return EXIT.ok;
}
