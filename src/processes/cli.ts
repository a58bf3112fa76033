import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { processIo, type StartReport } from '../surfaces/cli/io.ts';
import { runCli } from '../surfaces/cli/main.ts';
import { PROCESS_CODES } from './codes.ts';
import { homePaths, prepareHome } from './home.ts';
import type { Program } from './program.ts';

/** Milliseconds until a detached gateway must be ready. */
const START_MS = 30_000;

/** The command line. Everything heavy is loaded by the command that needs it. */
export async function main(program: Program): Promise<void> {
  const paths = homePaths(process.env);
  process.exitCode = await runCli(process.argv.slice(2), processIo(), {
    version: program.version,
    socketPath: join(paths.run, 'gateway.sock'),
    openLocal: async () => (await import('./local.ts')).openLocal(program),
    processes: { run: () => runForeground(program), start: () => startDetached(program) },
  });
}

async function runForeground(program: Program): Promise<number> {
  const { main: launch } = await import('./launcher.ts');
  await launch(program);
  return 0;
}

/** Start the gateway in a session of its own, with its output in logs/, and wait until it says that it is ready. */
async function startDetached(program: Program): Promise<StartReport> {
  const paths = homePaths(process.env);
  prepareHome(paths);
  const log = openSync(join(paths.logs, 'gateway.out'), 'a', 0o600);
  const child = spawn(process.execPath, [program.entry, 'gateway', 'run'], {
    detached: true,
    stdio: ['ignore', 'pipe', log],
    env: process.env,
  });
  closeSync(log);
  const output = await untilReady(child.stdout, child);
  child.stdout?.destroy();
  child.unref();
  const { callGateway } = await import('../surfaces/cli/client.ts');
  const target = { kind: 'socket', socketPath: join(paths.run, 'gateway.sock') } as const;
  const status = (await callGateway(target, { id: 'gateway.status', input: {} })) as Pick<
    StartReport,
    'pid' | 'posture'
  >;
  const address = /ready on http:\/\/(\S+)/.exec(output)?.[1] ?? '';
  const token = /^ {2}(gth_\S+)$/m.exec(output)?.[1];
  return { pid: status.pid, posture: status.posture, address, ...(token === undefined ? {} : { token }) };
}

function untilReady(stdout: NodeJS.ReadableStream | null, child: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = () =>
      reject(
        PROCESS_CODES.error(
          'GATEWAY_NOT_READY',
          'the gateway ended or was not ready in time; see logs/gateway.out',
        ),
      );
    const timer = setTimeout(fail, START_MS);
    child.once('exit', fail);
    stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      // The last line of the welcome: everything before it has arrived.
      if (!/^ {2}\S+ doctor$/m.test(output)) return;
      clearTimeout(timer);
      child.off('exit', fail);
      resolve(output);
    });
  });
}
