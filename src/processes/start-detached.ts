import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatehouseError } from '../kernel/index.ts';
import type { StartReport } from '../surfaces/cli/io.ts';
import { PROCESS_CODES } from './codes.ts';
import { homePaths, prepareHome } from './home.ts';
import type { Program } from './program.ts';

/** Milliseconds until a detached gateway must be ready. */
const START_MS = 30_000;

/**
 * Start the gateway in a session of its own, with its output in logs/, and wait until it says that it is ready.
 *
 * @throws whatever the gateway gave as its reason for not starting, or GATEWAY_NOT_READY
 */
export async function startDetached(program: Program): Promise<StartReport> {
  const paths = homePaths(process.env);
  prepareHome(paths);
  const logFile = join(paths.logs, 'gateway.out');
  const log = openSync(logFile, 'a', 0o600);
  const { size } = fstatSync(log);
  const child = spawn(process.execPath, [program.entry, 'gateway', 'run'], {
    detached: true,
    stdio: ['ignore', 'pipe', log],
    env: process.env,
  });
  closeSync(log);
  let output: string;
  try {
    output = await untilReady(child);
  } catch (thrown) {
    throw reasonIn(readFileSync(logFile).subarray(size).toString('utf8')) ?? thrown;
  } finally {
    child.stdout?.destroy();
    child.unref();
  }
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

function untilReady(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(fail, START_MS);
    function fail(): void {
      clearTimeout(timer);
      child.off('exit', fail);
      reject(PROCESS_CODES.error('GATEWAY_NOT_READY'));
    }
    child.once('exit', fail);
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      // The last line of the welcome: everything before it has arrived.
      if (!/^ {2}\S.* doctor$/m.test(output)) return;
      clearTimeout(timer);
      child.off('exit', fail);
      resolve(output);
    });
  });
}

/** The failure that a gateway wrote before it ended: a code with its message, indented issues, and the fix. */
function reasonIn(text: string): GatehouseError | undefined {
  const [, code, message, issues = '', fix = ''] =
    /^([A-Z]+(?:_[A-Z]+)+): (.*)\n((?: {2}.*\n)*)fix: (.*)$/m.exec(text) ?? [];
  if (code === undefined || message === undefined) return undefined;
  // The first problem is in the message already, as everywhere.
  const problems = issues.split('\n').filter((line) => line !== '');
  return new GatehouseError(code, message, {
    fix,
    ...(problems.length === 0
      ? {}
      : { details: { issues: problems.map((line) => ({ path: '', problem: line.trim() })) } }),
  });
}
