import { join } from 'node:path';
import { processIo } from '../surfaces/cli/io.ts';
import { runCli } from '../surfaces/cli/main.ts';
import { commandName } from './command-name.ts';
import { homePaths } from './home.ts';
import type { Program } from './program.ts';

/** The command line. Everything heavy is loaded by the command that needs it. */
export async function main(program: Program): Promise<void> {
  const paths = homePaths(process.env);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', endQuietly);
  process.exitCode = await runCli(process.argv.slice(2), processIo(), {
    version: program.version,
    command: commandName(program, process.env['PATH']),
    socketPath: join(paths.run, 'gateway.sock'),
    paths,
    openLocal: async () => (await import('./local.ts')).openLocal(program),
    backups: {
      verify: async (order) => (await import('./restore/rehearse.ts')).verifyBackup(order, paths),
      rehearse: async (order) =>
        (await import('./restore/rehearse.ts')).rehearseRestore(order, paths, process.env),
      async restore(order) {
        const report = await (await import('./restore/restore.ts')).restoreBackup(order, paths, process.env);
        // Opening the home once takes away what must not come back, and writes the restore down.
        await (await (await import('./local.ts')).openLocal(program)).close();
        return report;
      },
    },
    processes: {
      run: () => runForeground(program),
      start: async () => (await import('./start-detached.ts')).startDetached(program),
    },
  });
}

async function runForeground(program: Program): Promise<number> {
  const { main: launch } = await import('./launcher.ts');
  await launch(program);
  return 0;
}

/** `gatehouse ... | head` closes its end early; that is no failure of ours. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  throw error;
}
