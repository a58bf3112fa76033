import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Mount } from '../../../../kernel/index.ts';
import type { Bench } from './subject.ts';

/** Runs that start while their source is swapped. */
const RACES = 6;

const refused = { code: 'SANDBOX_MOUNT_REFUSED' };

/** What a run sees of the host, and what it leaves there (X4; attacks 55, 64 to 67). */
export function conformanceOfFiles(bench: Bench): void {
  const { fixture } = bench;
  const folder = (name: string): string => {
    const path = join(fixture().base, name);
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, bench.subject.account.uid, bench.subject.account.gid);
    return path;
  };
  const at = (source: string, target = '/workspace', mode: Mount['mode'] = 'rw'): Mount => ({
    source,
    target,
    mode,
  });

  test('files that a run makes, changes and removes belong to the account, with the usual mode', async () => {
    writeFileSync(join(fixture().workspace, 'old'), 'before');
    chownSync(join(fixture().workspace, 'old'), bench.subject.account.uid, bench.subject.account.gid);
    const { exitCode, err } = await fixture().sh(
      'echo new > new; mkdir -p d/e; echo after > old; mv old moved; touch gone; rm gone',
    );
    assert.equal(exitCode, 0, err);
    for (const name of ['new', 'd/e', 'moved']) {
      const { uid, gid, mode } = statSync(join(fixture().workspace, name));
      assert.deepEqual({ uid, gid }, bench.subject.account, name);
      assert.equal(mode & 0o777, name === 'd/e' ? 0o755 : 0o644, name);
    }
    assert.equal(readFileSync(join(fixture().workspace, 'moved'), 'utf8'), 'after\n');
    assert.ok(!existsSync(join(fixture().workspace, 'gone')));
    assert.equal((await fixture().sh('cat new moved; rm -r new moved d')).out, 'new\nafter\n');
  });

  test('a workspace is read and written, only read, or not there at all', async () => {
    const [rw, ro] = [folder('rw'), folder('ro')];
    writeFileSync(join(ro, 'data'), 'readable', { mode: 0o644 });
    const mounts = [at(rw), at(ro, '/mnt/ro', 'ro')];
    const { out } = await fixture().sh(
      'cat /mnt/ro/data; (echo x > /mnt/ro/data; touch /mnt/ro/y; rm /mnt/ro/data; mount -o remount,rw /mnt/ro) 2>/dev/null; touch /workspace/z; echo; ls /mnt/ro',
      { mounts },
    );
    assert.equal(out, 'readable\ndata\n');
    assert.equal(readFileSync(join(ro, 'data'), 'utf8'), 'readable');
    assert.ok(existsSync(join(rw, 'z')));
    const none = await fixture().sh(
      'ls -A /workspace 2>/dev/null; touch /workspace/x 2>/dev/null || echo refused',
      {
        mounts: [],
        cwd: '/tmp',
      },
    );
    assert.equal(none.out, 'refused\n');
  });

  test('sandbox/write outside the workspace, or the host by its usual places: refused', async () => {
    const places = `/root /home /etc/shadow /etc/ssh /var/lib/docker /var/lib/containers /boot /srv/x ${fixture().base} ${fixture().places.workDir} ${process.cwd()}`;
    const { out } = await fixture().sh(
      `for p in / /usr /usr/bin /etc /opt /run /dev /sys /proc/sys/kernel /var /var/tmp; do touch $p/x 2>/dev/null && echo "wrote $p"; done
       for p in ${places}; do [ -e $p ] && [ -n "$(ls -A $p 2>/dev/null)" ] && echo "sees $p"; done; echo end`,
    );
    assert.equal(out, 'end\n');
  });

  test('/tmp is the run’s own, holds what is executable, and is empty for the next run', async () => {
    const script = 'ls -A /tmp; cp /bin/true /tmp/own && /tmp/own && echo ran; touch /tmp/mine; echo $HOME';
    const runs = [
      await fixture().sh(script),
      ...(await Promise.all([fixture().sh(script), fixture().sh(script)])),
    ];
    for (const { out, err } of runs) assert.equal(out, 'ran\n/tmp\n', err);
  });

  test('sandbox/mount of credentials, state, system directories or sockets: refused before anything starts', async () => {
    const { secrets, base, places } = fixture();
    const socket = join(base, 'agent.sock');
    using server = { held: createServer().listen(socket), [Symbol.dispose]: () => void server.held.close() };
    symlinkSync(secrets, join(base, 'link'));
    mkdirSync(join(base, 'project', '.ssh'), { recursive: true });
    const sources = [
      secrets,
      base,
      places.workDir,
      join(base, 'link'),
      join(base, 'project', '.ssh'),
      `${fixture().workspace}/../secrets`,
      `${fixture().workspace}/`,
      'workspace',
      socket,
      '/',
      '/etc',
      '/root',
      '/root/.ssh',
      '/home/ann/.aws',
      '/proc',
      '/sys',
      '/dev',
      '/run',
      '/var/run/docker.sock',
      '/var/lib/containers',
      '/dev/null',
      join(base, 'missing'),
    ];
    for (const source of sources)
      await assert.rejects(fixture().sh('touch /workspace/ran', { mounts: [at(source)] }), refused, source);
    for (const target of [
      '/',
      '/etc',
      '/usr/bin',
      '/run/gatehouse',
      '/opt/gatehouse',
      '/workspace/../etc',
      '/tmp/x',
    ])
      await assert.rejects(
        fixture().sh('true', { mounts: [at(fixture().workspace, target)], cwd: '/tmp' }),
        refused,
      );
    assert.ok(!existsSync(join(secrets, 'ran')));
  });

  test('sandbox/mount source swapped for a link while runs start: never what the link leads to', async () => {
    const { secrets, base } = fixture();
    writeFileSync(join(secrets, 'token'), 'host-secret', { mode: 0o644 });
    const real = folder('swapped');
    const swaps = `my ($real, $away, $to) = @ARGV; $SIG{ALRM} = sub { exit }; alarm 60;
      while (1) { select(undef, undef, undef, rand(0.03)); rename($real, $away); symlink($to, $real);
        select(undef, undef, undef, rand(0.005)); unlink($real); rename($away, $real); }`;
    const swapper = spawn('perl', ['-e', swaps, real, join(base, 'away'), secrets], { stdio: 'ignore' });
    await once(swapper, 'spawn');
    const outcomes = await Promise.all(
      Array.from({ length: RACES }, () =>
        fixture()
          .sh('echo ran; cat /workspace/token 2>/dev/null', { mounts: [at(real)] })
          .then(
            ({ out }) => out,
            ({ code }: { code?: string }) => code ?? 'failed',
          ),
      ),
    );
    swapper.kill('SIGKILL');
    for (const outcome of outcomes)
      assert.ok(['ran\n', 'SANDBOX_MOUNT_REFUSED', 'SANDBOX_START_FAILED'].includes(outcome), outcome);
    assert.ok(outcomes.includes('ran\n'), 'no run started between two swaps');
  });

  test('a mask lies over a file of the workspace: its content is not seen, and writes go to the mask', async () => {
    const real = folder('masked');
    mkdirSync(join(real, 'deep'));
    const files = [join(real, 'deep', '.env'), join(fixture().base, 'mask')] as const;
    writeFileSync(files[0], 'KEY=real-secret', { mode: 0o600 });
    writeFileSync(files[1], 'KEY=placeholder', { mode: 0o600 });
    const { uid, gid } = bench.subject.account;
    for (const path of [join(real, 'deep'), ...files]) chownSync(path, uid, gid);
    const masks = [{ source: files[1], target: '/workspace/deep/.env', mode: 'rw' as const }];
    const { out } = await fixture().sh(
      'cat deep/.env; echo changed > deep/.env; (rm deep/.env; mv deep other; umount deep/.env) 2>/dev/null; cat deep/.env other/.env 2>/dev/null',
      { mounts: [at(real)], masks },
    );
    assert.match(out, /^KEY=placeholder(?:changed\n)+$/);
    // The folder is the run's to rename; the mask went with it.
    assert.equal(readFileSync(join(real, 'other', '.env'), 'utf8'), 'KEY=real-secret');
    assert.equal(readFileSync(files[1], 'utf8'), 'changed\n');
    await assert.rejects(
      fixture().sh('true', { masks: [{ source: files[1], target: '/etc/passwd', mode: 'ro' }] }),
      refused,
    );
  });

  test('sandbox/a socket of the host under a mask: nobody is reached, and the socket stays', async () => {
    const real = folder('listening');
    const path = join(real, 'agent.sock');
    const empty = join(fixture().base, 'empty');
    writeFileSync(empty, '', { mode: 0o600 });
    let reached = 0;
    const server = createServer((socket) => {
      reached += 1;
      socket.destroy();
    }).listen(path);
    await once(server, 'listening');
    const { uid, gid } = bench.subject.account;
    for (const one of [real, path, empty]) chownSync(one, uid, gid);
    const masks = [{ source: empty, target: '/workspace/agent.sock', mode: 'ro' as const }];
    const connects = `use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); for my $p (@ARGV) { print connect($s, pack("Sa*", AF_UNIX, "$p\\0")) ? "reached " : "refused " }`;
    const { out } = await fixture().sh(
      `mv agent.sock other 2>/dev/null; rm -f agent.sock 2>/dev/null; ln agent.sock linked 2>/dev/null; perl -e '${connects}' agent.sock other linked /workspace/agent.sock`,
      { mounts: [at(real)], masks },
    );
    server.close();
    assert.equal(out.replaceAll('refused ', ''), '');
    assert.equal(reached, 0);
  });

  test('sandbox/link in the workspace to a file of the host: leads nowhere', async () => {
    const secret = join(fixture().secrets, 'linked');
    writeFileSync(secret, 'host-secret', { mode: 0o644 });
    symlinkSync(secret, join(fixture().workspace, 'to-secret'));
    symlinkSync('/etc/shadow', join(fixture().workspace, 'to-shadow'));
    const { out } = await fixture().sh(
      'cat to-secret to-shadow 2>/dev/null; (echo changed > to-secret) 2>/dev/null; echo end',
    );
    assert.equal(out, 'end\n');
    assert.equal(readFileSync(secret, 'utf8'), 'host-secret');
  });
}
