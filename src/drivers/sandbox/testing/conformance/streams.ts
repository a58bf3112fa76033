import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bench } from './subject.ts';

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

/** Input, output, environment and how a run ended, exactly. */
export function conformanceOfStreams({ fixture }: Bench): void {
  test('input and output are the very bytes, on both streams, also opened by name', async () => {
    const stdin = Buffer.concat(Array.from({ length: 800 }, () => ALL_BYTES));
    const { stdout, err } = await fixture().run(['cat'], { stdin });
    assert.ok(stdin.equals(stdout), err);
    const both = await fixture().sh(
      'cat /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr; echo teed | tee /dev/stderr',
      { stdin: Buffer.from('in ') },
    );
    assert.deepEqual([both.out, both.err], ['in out\nteed\n', 'err\nteed\n']);
    assert.equal((await fixture().run(['cat'])).out, '');
    assert.equal((await fixture().run(['true'], { stdin: Buffer.alloc(300_000) })).exitCode, 0);
  });

  test('the end of a run says how it ended, whatever its exit code', async () => {
    for (const code of [3, 125, 127]) {
      const { end, exitCode, signal } = await fixture().sh(`exit ${code}`);
      assert.deepEqual([end, exitCode, signal], ['exited', code, null]);
    }
    const killed = await fixture().sh('kill -SEGV $$');
    assert.deepEqual([killed.end, killed.exitCode, killed.signal], ['signalled', 139, 'SIGSEGV']);
    const missing = await fixture().run(['no-such-program']);
    assert.deepEqual([missing.end, missing.exitCode], ['exited', 127]);
    assert.match(missing.err, /no-such-program/);
  });

  test('the environment is what was given and the sandbox’s own, and nothing else', async () => {
    process.env['GATEHOUSE_TEST_SECRET'] = 'sk-do-not-leak';
    const odd = 'two\nlines \'quoted\' "double" $HOME `x` \\ é';
    const { out } = await fixture().run(['env', '-0'], { env: { TERM: 'dumb', ODD: odd } });
    delete process.env['GATEHOUSE_TEST_SECRET'];
    const found = new Map(
      out
        .split('\0')
        .filter(Boolean)
        .map((line) => {
          const at = line.indexOf('=');
          return [line.slice(0, at), line.slice(at + 1)] as const;
        }),
    );
    found.delete('PWD');
    // What git may not take from a workspace is the sandbox's own word, and complete: none is missing, none is more.
    const git = [...found.keys()].filter((name) => name.startsWith('GIT_CONFIG_'));
    assert.equal(git.length, 1 + 2 * Number(found.get('GIT_CONFIG_COUNT')));
    for (const name of git) found.delete(name);
    assert.deepEqual([...found.keys()].toSorted(), [
      'HOME',
      'LANG',
      'LOGNAME',
      'ODD',
      'PATH',
      'SHELL',
      'TERM',
      'TMPDIR',
      'USER',
    ]);
    assert.equal(found.get('ODD'), odd);
    assert.equal(found.get('HOME'), '/tmp');
    assert.match(found.get('PATH') ?? '', /^\/usr\/local\/bin:\/usr\/bin/);
  });

  test('host name, working directory, mode of new files and names of hosts are the sandbox’s own', async () => {
    const { out } = await fixture().sh(
      'uname -n; pwd; umask; cat /etc/hosts; grep -c nameserver /etc/resolv.conf',
    );
    assert.equal(out, 'sandbox\n/workspace\n0022\n127.0.0.1 localhost sandbox\n::1 localhost\n0\n');
  });

  test('a pipeline over the usual tools works', async () => {
    const { out, exitCode, err } = await fixture().sh(
      'mkdir -p a/b && printf "3 c\\n1 a\\n2 b\\n" > a/b/list && find . -name list | xargs sort | grep -v "^2" | sed "s/ /-/" | tee out; rm -r a out',
    );
    assert.equal(exitCode, 0, err);
    assert.equal(out, '1-a\n3-c\n');
  });
}
