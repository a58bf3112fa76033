import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asGatehouseError } from '../kernel/index.ts';
import type { HomePaths } from '../operations/services.ts';
import { homePaths, prepareHome } from './home.ts';
import type { Program } from './program.ts';

/** Milliseconds that a gateway which is told to end at the same moment may take to drain, with some to spare. */
const GATEWAY_DRAIN_MS = 25_000;

/**
 * The egress process: the only one with secrets, the signing key and a way out (E1, K2). With the argument
 * `inputs` it is its own short-lived helper that reads the configuration.
 */
export async function main(program: Program): Promise<void> {
  const paths = homePaths(process.env);
  if (process.argv[4] === 'inputs') return printInputs(paths);
  const failureFile = join(paths.run, 'egress.failure');
  try {
    prepareHome(paths);
    const { startEgress } = await import('./egress/start.ts');
    const egress = await startEgress(program, paths);
    rmSync(failureFile, { force: true });
    // Ctrl-C in a terminal reaches every process of the group; the gateway drains through this one.
    for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
    // A service manager's TERM reaches all at once too: egress ends when its gateway has drained, or after this.
    process.on('SIGTERM', () => void setTimeout(() => void egress.stop(), GATEWAY_DRAIN_MS).unref());
    await egress.ended;
    process.exit(0);
  } catch (thrown) {
    const failure = failureText(thrown);
    process.stderr.write(`${failure}\n`);
    writeFailure(failureFile, failure);
    process.exit(1);
  }
}

async function printInputs(paths: HomePaths): Promise<void> {
  try {
    const { printInputs: print } = await import('./egress/print-inputs.ts');
    await print(paths, process.env);
  } catch (thrown) {
    process.stdout.write(failureText(thrown));
    process.exitCode = 1;
  }
}

function failureText(thrown: unknown): string {
  const error = asGatehouseError(thrown);
  return JSON.stringify({ ...error.toJSON(), status: error.status });
}

/** The gateway shows this to who started it; without the file it can only say that egress does not answer. */
function writeFailure(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600 });
  } catch {
    // The home itself may be what failed.
  }
}
