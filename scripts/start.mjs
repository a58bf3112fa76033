// `npm start`: install what is missing, build the bundle, run the gateway in the foreground.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { installPackages, installParts, PINNED_NODE, ROOT, RUN_PARTS } from './setup.mjs';

installPackages();
for (const part of installParts(RUN_PARTS)) {
  const how =
    process.platform === 'linux' ? `install the package ${part.package}` : 'see docs/operating/sandbox.md';
  console.error(
    `SANDBOX_UNAVAILABLE: ${part.binary} is missing, so tools will be refused. To fix it: ${how}.`,
  );
}

const build = spawnSync(PINNED_NODE, [join(ROOT, 'scripts', 'build.mjs'), '--if-stale'], {
  stdio: 'inherit',
});
if (build.status !== 0) process.exit(build.status ?? 1);

const args = [join(ROOT, 'bin', 'gatehouse.mjs'), 'gateway', 'run', ...process.argv.slice(2)];
if (typeof process.execve === 'function') process.execve(PINNED_NODE, [PINNED_NODE, ...args], process.env);

const child = spawn(PINNED_NODE, args, { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 128));
