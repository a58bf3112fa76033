// `npm run check`: everything that needs no running system. Prints what failed and nothing else.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { installPackages, PINNED_NODE, ROOT } from './setup.mjs';

installPackages();
const bin = (name) => join(ROOT, 'node_modules', '.bin', name);
const CHECKS = [
  // TypeScript 7 checks; `typescript` itself is 5.9, whose parser dependency-cruiser needs.
  ['types', PINNED_NODE, [join(ROOT, 'node_modules', 'typescript7', 'bin', 'tsc'), '-p', '.']],
  ['format', bin('biome'), ['check', '--linter-enabled=false', '.']],
  ['lint', bin('oxlint'), ['--deny-warnings']],
  ['import rules', bin('depcruise'), ['--config', '.dependency-cruiser.cjs', 'src', 'test', 'bench']],
  ['dead code', bin('knip'), []],
  ['generated files', PINNED_NODE, [join(ROOT, 'scripts', 'generate.mjs'), '--check']],
];

/** Run one check on the pinned Node, whatever Node started this script. */
function run([name, command, args]) {
  return new Promise((resolve) => {
    const started = performance.now();
    const path = `${join(ROOT, 'node_modules', '.bin')}:${process.env.PATH}`;
    const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, PATH: path } });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('close', (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
      if (code !== 0) console.log(output);
      resolve(code === 0);
    });
  });
}

export async function runChecks() {
  const results = [];
  // Two at a time: each of these keeps a processor busy.
  for (let i = 0; i < CHECKS.length; i += 2)
    results.push(...(await Promise.all(CHECKS.slice(i, i + 2).map(run))));
  return results;
}

if (process.argv[1] === import.meta.filename || process.argv[1]?.endsWith('scripts/check.mjs')) {
  const results = await runChecks();
  process.exit(results.every(Boolean) ? 0 : 1);
}
