#!/usr/bin/env node
// Checks the Node version, then starts the CLI or one of the processes. Parsed by old Nodes: keep it plain.
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED = [24, 16];
const root = fileURLToPath(new URL('..', import.meta.url));
const [major, minor] = process.versions.node.split('.').map(Number);

if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) await start();
else handOver();

/** A checkout brings its own Node; anywhere else the operator is told which one to install. */
function handOver() {
  const pinned = join(root, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(pinned)) {
    console.error(
      `NODE_TOO_OLD: Gatehouse needs Node ${NEEDED.join('.')} or later; this is ${process.versions.node}.`,
    );
    console.error(
      'fix: install Node 24 from your package manager or nodejs.org, or run `npm ci` in a checkout.',
    );
    process.exit(1);
  }
  const child = spawn(pinned, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128));
}

async function start() {
  const [, , first, second] = process.argv;
  const name =
    first === '__process'
      ? second
      : first === 'gateway' && second === 'run' && !process.argv.includes('--help')
        ? 'launcher'
        : 'cli';
  const bundled = join(root, 'dist', `${name}.mjs`);
  const useSources = process.env.GATEHOUSE_SOURCES === '1' || !existsSync(bundled);
  if (!useSources) cacheCompiledCode();
  const entry = useSources ? join(root, 'src', 'processes', `${name}.ts`) : bundled;
  const { main } = await import(pathToFileURL(entry).href);
  await main({
    root,
    entry: fileURLToPath(import.meta.url),
    version: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
  });
}

// Compiled code is executed: it is kept in the operator's own home, never in the shared /tmp, and what another
// account could have put there is removed unread.
function cacheCompiledCode() {
  const home = process.env.GATEHOUSE_HOME || join(homedir(), '.gatehouse');
  const cache = join(home, 'cache');
  try {
    if (!isOurs(home)) return;
    if (existsSync(cache) && !isOurs(cache)) rmSync(cache, { recursive: true });
    mkdirSync(cache, { mode: 0o700, recursive: true });
    module.enableCompileCache(cache);
  } catch {
    // Without a cache, or a home, start-up is slower and otherwise the same.
  }
}

function isOurs(folder) {
  const { uid, mode } = lstatSync(folder);
  return uid === process.getuid() && (mode & 0o022) === 0;
}
