import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Fixture } from './testing/fixture.ts';

const fixture = new Fixture();
after(() => fixture[Symbol.dispose]());

test('in strict mode a listed program runs', async () => {
  const { out, err } = await fixture.run(['ls', '/usr/bin', '/bin/'], { programs: ['ls', 'cat'] });
  assert.equal(out, '/bin/:\ncat\nls\n\n/usr/bin:\ncat\nls\n', err);
});

test('sandbox/strict: program that is not listed: refused', async () => {
  for (const program of ['sh', 'rm', '/bin/sh', '/usr/bin/perl']) {
    const { exitCode, out } = await fixture.run([program, '--version'], { programs: ['ls'] });
    assert.ok(exitCode === 127 || exitCode === 126, `${program}: ${exitCode}`);
    assert.equal(out, '');
  }
});

test('in strict mode git and python bring what belongs to them', async () => {
  const git = await fixture.run(['git', 'init', '-q', '/tmp/repo'], { programs: ['git'] });
  assert.equal(git.exitCode, 0, git.err);
  const python = await fixture.run(['python3', '-c', 'import json; print(json.dumps([1]))'], {
    programs: ['python3'],
  });
  assert.equal(python.out, '[1]\n', python.err);
});

test('sandbox/strict: a listed program that does not exist, or lies outside the system directories: refused', async () => {
  for (const program of ['no-such-program', '/workspace/evil', '../bin/sh', '/etc/passwd'])
    await assert.rejects(fixture.run(['ls'], { programs: ['ls', program] }), {
      code: 'SANDBOX_PROGRAM_MISSING',
    });
});

test('sandbox/strict: an empty list of programs allows none', async () => {
  assert.equal((await fixture.run(['true'], { programs: [] })).exitCode, 127);
});
