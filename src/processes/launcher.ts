import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { nodeFiles } from '../configuration/files.ts';
import { finishPending } from '../configuration/pending.ts';
import { startKeeper } from '../drivers/egress-client/keeper.ts';
import { asGatehouseError } from '../kernel/index.ts';
import { answers } from './answers.ts';
import { PROCESS_CODES } from './codes.ts';
import { gatewayEnvironment } from './environment.ts';
import { homePaths, prepareHome } from './home.ts';
import { MALLOC_ENVIRONMENT, NODE_FLAGS } from './node-flags.ts';
import { namedPort } from './port.ts';
import type { Program } from './program.ts';

/**
 * `gatehouse gateway run`: give the operator's environment to the keeper of egress, then become the gateway
 * with a clean one. The gateway keeps this process id, so that service managers and Ctrl-C see one program.
 */
export async function main(program: Program): Promise<void> {
  try {
    await launch(program);
  } catch (thrown) {
    const error = asGatehouseError(thrown);
    process.stderr.write(`${error.code}: ${error.message}\nfix: ${error.fix}\n`);
    process.exit(1);
  }
}

async function launch(program: Program): Promise<void> {
  namedPort(process.env);
  const paths = homePaths(process.env);
  prepareHome(paths);
  if (await answers(join(paths.run, 'gateway.sock'))) throw PROCESS_CODES.error('GATEWAY_ALREADY_RUNNING');
  // Egress reads the configuration at the same time as the gateway: half a change must be whole before either starts.
  finishPending(nodeFiles, paths);
  // What made an earlier egress fail says nothing about this one.
  rmSync(join(paths.run, 'egress.failure'), { force: true });
  startKeeper({
    nodePath: process.execPath,
    argv: [...NODE_FLAGS, program.entry, '__process', 'egress'],
    env: { ...process.env, ...MALLOC_ENVIRONMENT },
    gatewayPid: process.pid,
    logFile: join(paths.logs, 'egress.log'),
  });
  const env = { ...gatewayEnvironment(process.env), ...MALLOC_ENVIRONMENT };
  const argv = [
    process.execPath,
    ...NODE_FLAGS,
    program.entry,
    '__process',
    'gateway',
    ...process.argv.slice(4),
  ];
  if (process.execve === undefined)
    throw PROCESS_CODES.error('GATEWAY_NOT_READY', 'this Node cannot replace a process');
  process.execve(process.execPath, argv, env);
}
