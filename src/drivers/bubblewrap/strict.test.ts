import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

test('sandbox/strict: an unlisted interpreter by loader, script, link, descriptor or another path: refused', async () => {
  const script = join(fixture.workspace, 'script');
  writeFileSync(script, '#!/usr/bin/perl\nprint "ran\\n";\n', { mode: 0o755 });
  symlinkSync('/usr/bin/perl', join(fixture.workspace, 'link'));
  const programs = ['sh', 'ls', 'cat'];
  const loader =
    '$(ls /lib64/ld-linux-*.so.2 /lib/ld-linux-*.so.1 2>/dev/null | while read -r a; do echo $a; break; done)';
  for (const line of [
    './script',
    './link -e "print 1"',
    `${loader} /usr/bin/perl -e 'print "ran"'`,
    `${loader} ./script`,
    'exec 3<script; /proc/self/fd/3',
    '. /usr/bin/perl',
    '/usr/local/bin/perl -v || /bin/perl -v || /usr/lib/git-core/git --version || /usr/sbin/chroot /',
    'PATH=/workspace:/usr/libexec:/usr/lib; perl -v; link -v',
  ]) {
    const { out, exitCode } = await fixture.run(['sh', '-c', line], { programs });
    assert.doesNotMatch(out, /ran|perl|git version/, line);
    assert.notEqual(exitCode, 0, line);
  }
});

test('in strict mode only listed programs lie in the directories of programs, and shared libraries come along', async () => {
  const { out, err } = await fixture.run(
    ['sh', '-c', 'ls /usr/bin /usr/sbin /usr/local/bin /bin /sbin 2>/dev/null; cat /dev/null'],
    {
      programs: ['sh', 'ls', 'cat'],
    },
  );
  const names = new Set(out.split('\n').filter((line) => line !== '' && !line.startsWith('/')));
  for (const name of names) assert.ok(['sh', 'dash', 'ls', 'cat'].includes(name), `${name}: ${err}`);
});
