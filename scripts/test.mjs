// `npm test`: install what is missing, build, check, run every test. Ends with `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { installPackages, installParts, PINNED_NODE, ROOT, TEST_PARTS } from './setup.mjs';

installPackages();
if (process.execPath !== PINNED_NODE) {
  // fs.globSync and the test runner's features are those of the pinned Node.
  const again = spawnSync(PINNED_NODE, [join(ROOT, 'scripts', 'test.mjs'), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  process.exit(again.status ?? 1);
}

const missing = installParts(TEST_PARTS);
if (missing.length > 0) {
  console.error(`TEST_PART_MISSING: apt-get install ${missing.map((part) => part.package).join(' ')}`);
  console.log(`0 passed, ${missing.length} failed`);
  process.exit(1);
}

const build = spawnSync(PINNED_NODE, [join(ROOT, 'scripts', 'build.mjs')], { stdio: 'inherit' });
const { runChecks } = await import('./check.mjs');
const checks = [build.status === 0, ...(await runChecks())];

const { globSync } = await import('node:fs');
const named = process.argv.slice(2);
const files =
  named.length > 0 ? named : globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: ROOT }).sort();
const tests = await runTests(files);
const failed = checks.filter((ok) => !ok).length + tests.failed;
console.log(`${checks.filter(Boolean).length + tests.passed} passed, ${failed} failed`);
process.exit(failed === 0 && tests.passed > 0 ? 0 : 1);

/** Run the test files on the pinned Node and count what its runner reports. */
function runTests(list) {
  return new Promise((resolve) => {
    const args = ['--test', '--test-concurrency=2', '--test-timeout=120000', '--test-reporter=spec', ...list];
    const path = `${join(ROOT, 'node_modules', '.bin')}:${process.env.PATH}`;
    const child = spawn(PINNED_NODE, args, {
      cwd: ROOT,
      env: { ...process.env, PATH: path },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let tail = '';
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk);
      tail = (tail + chunk).slice(-1_000_000);
    });
    child.on('close', (code) => {
      const count = (word) => Number(new RegExp(`^. ${word} (\\d+)$`, 'm').exec(tail)?.[1] ?? 0);
      const bad = count('fail') + count('cancelled');
      resolve({ passed: count('pass'), failed: code === 0 ? bad : Math.max(1, bad) });
    });
  });
}
