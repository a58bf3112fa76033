import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startCommand } from '../fixtures/command.ts';
import { cleanEnvironment, ENTRY, temporaryHome } from '../fixtures/gateway.ts';
import { removeHome } from '../fixtures/processes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
const OLDER = fileURLToPath(new URL('../fixtures/older-node.mjs', import.meta.url));

/** The pinned Node under another version, and the system's own where that really is an older one. */
function olderNodes(): readonly (readonly string[])[] {
  const simulated = [process.execPath, '--import', OLDER];
  const system = spawnSync('/usr/bin/node', ['--version'], { encoding: 'utf8' });
  const major = Number(/^v(\d+)\./.exec(system.stdout ?? '')?.[1] ?? Number.POSITIVE_INFINITY);
  return major < 24 ? [simulated, ['/usr/bin/node']] : [simulated];
}

function run(node: readonly string[], entry: string, args: readonly string[]) {
  const [program = '', ...flags] = node;
  const env = cleanEnvironment('/nonexistent');
  return spawnSync(program, [...flags, entry, ...args], { encoding: 'utf8', env });
}

for (const node of olderNodes()) {
  describe(`bin/gatehouse.mjs started as ${node.length > 1 ? 'an older Node' : node.join(' ')}`, () => {
    test('hands over to the pinned Node of the checkout, with its words and its exit code', () => {
      const right = run(node, ENTRY, ['--version']);
      assert.deepEqual([right.status, right.stdout], [0, `${version}\n`], right.stderr);
      const wrong = run(node, ENTRY, ['no-such-command']);
      assert.equal(wrong.status, 2);
      assert.match(wrong.stderr, /CLI_USAGE/);
    });

    test('hands over the signals that end a gateway', async () => {
      const home = temporaryHome();
      const gateway = startCommand(home, ['gateway', 'run'], { node });
      await gateway.until(/doctor\n/);
      assert.equal(await gateway.kill('SIGTERM'), 0);
      await removeHome(home);
    });

    test('says which Node it needs where none was installed with it', () => {
      const copy = temporaryHome();
      for (const name of ['bin', 'package.json'])
        cpSync(join(ROOT, name), join(copy, name), { recursive: true });
      const { status, stdout, stderr } = run(node, join(copy, 'bin', 'gatehouse.mjs'), ['--version']);
      rmSync(copy, { recursive: true });
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(
        stderr,
        /^NODE_TOO_OLD: Gatehouse needs Node 24\.\d+ or later; this is 20\.\d+\.\d+\.\nfix: install Node 24/,
      );
    });
  });
}

describe('compiled code', () => {
  test('start/code that another account could have put into the cache: refused', () => {
    const home = temporaryHome();
    const env = cleanEnvironment(home);
    const cache = join(home, 'cache');
    mkdirSync(cache);
    writeFileSync(join(cache, 'planted'), 'compiled by somebody else');
    chmodSync(cache, 0o777);
    spawnSync(process.execPath, [ENTRY, 'sessions', 'list'], { encoding: 'utf8', env });
    assert.equal(existsSync(join(cache, 'planted')), false);
    assert.equal(statSync(cache).mode & 0o777, 0o700);
    rmSync(home, { recursive: true });
  });
});
