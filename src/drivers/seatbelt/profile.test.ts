import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { RunSpec } from '../../kernel/index.ts';
import { LIMITS } from '../sandbox/testing/fixture.ts';
import { parseProfile, profileProblems } from './check.ts';
import { createSeatbeltSandbox } from './index.ts';
import { seatbeltProfile } from './profile.ts';

const FORBIDDEN = ['/Users/ann/.ssh', '/Users/ann/.aws', '/Users/ann/.gatehouse/state'];
const TMP = '/private/tmp/run-1';

function spec(change: Partial<RunSpec> = {}): RunSpec {
  return {
    runId: 'r',
    scope: 's',
    argv: ['/bin/ls'],
    cwd: '/workspace',
    env: {},
    mounts: [
      { source: '/Users/ann/project', target: '/workspace', mode: 'rw' },
      { source: '/Users/ann/logs', target: '/mnt/logs', mode: 'ro' },
    ],
    limits: LIMITS,
    ...change,
  };
}

function problems(run: RunSpec, profile = seatbeltProfile(run, TMP, FORBIDDEN)): readonly string[] {
  const writable = [TMP, ...run.mounts.filter(({ mode }) => mode === 'rw').map(({ source }) => source)];
  return profileProblems(profile, { writable, socket: run.egressSocket, forbidden: FORBIDDEN });
}

for (const [name, run] of [
  ['plain', spec()],
  ['egress', spec({ egressSocket: '/Users/ann/.gatehouse/run/runs/r.sock' })],
  ['nothing', spec({ mounts: [], cwd: '/tmp' })],
] as const)
  test(`the profile of a run is what it was: ${name}`, () => {
    const file = join(import.meta.dirname, 'golden', `${name}.sb`);
    const made = seatbeltProfile(run, TMP, FORBIDDEN);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, made);
    assert.equal(made, readFileSync(file, 'utf8'));
    assert.deepEqual(problems(run, made), []);
  });

test('sandbox/seatbelt: a profile that opens more is found out', () => {
  const good = seatbeltProfile(spec(), TMP, FORBIDDEN);
  const worse = [
    good.replace('(deny default)', '(allow default)'),
    good.replace('(version 1)\n(deny default)', '(version 1)'),
    good.replace('(allow process-fork)', '(allow process-fork)\n(allow network*)'),
    good.replace('(allow process-fork)', '(allow process-fork)\n(allow file-read*)'),
    good.replace('(allow process-fork)', '(allow process-fork)\n(allow file-write* (subpath "/Users/ann"))'),
    good.replace('(allow process-fork)', '(allow process-fork)\n(allow file-read* (subpath "/"))'),
    good.replace('(allow process-fork)', '(allow process-fork)\n(allow file-read* (regex #"."))'),
    good.replace(
      '(allow process-fork)',
      '(allow process-fork)\n(allow network-outbound (literal "/var/run/docker.sock"))',
    ),
    good.replace(
      '(allow process-fork)',
      '(allow process-fork)\n(allow mach-lookup (global-name "com.apple.x"))',
    ),
    good.replace('  (subpath "/Users/ann/.ssh")\n', ''),
    `${good}(allow file-read* (subpath "/Users/ann/.ssh"))\n`,
    `${good}(import "system.sb")\n`,
  ];
  for (const profile of worse) {
    assert.notEqual(profile, good);
    assert.notDeepEqual(problems(spec(), profile), [], profile.slice(0, 80));
  }
});

test('a path never ends its string, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('"', '\\', '(', ')', ';', ' ', 'a', "'") }), (name) => {
      const source = `/srv/${name}`;
      const run = spec({ mounts: [{ source, target: '/workspace', mode: 'rw' }] });
      assert.deepEqual(problems(run), []);
    }),
  );
  assert.throws(
    () =>
      seatbeltProfile(spec({ mounts: [{ source: '/srv/\n', target: '/workspace', mode: 'rw' }] }), TMP, []),
    {
      code: 'SANDBOX_SPEC_INVALID',
    },
  );
  assert.throws(() => parseProfile('(version 1'), /does not end/);
  assert.throws(() => parseProfile('(a "b)'), /does not end/);
  assert.throws(() => parseProfile('(a))'), /did not begin/);
});

test('sandbox/seatbelt: run, here and as long as no macOS has proven it: refused', async () => {
  const sandbox = createSeatbeltSandbox({ forbidden: [], userHome: '/Users/ann' });
  await assert.rejects(sandbox.run(spec(), new AbortController().signal), { code: 'SANDBOX_UNAVAILABLE' });
  const probe = await sandbox.probe();
  assert.equal(probe.available, false);
  assert.match(probe.fix ?? '', /Linux/);
  assert.match(sandbox.explain(spec()).join('\n'), /\(deny default\)/);
  assert.throws(() => sandbox.explain(spec({ cwd: '/etc' })), { code: 'SANDBOX_SPEC_INVALID' });
});
