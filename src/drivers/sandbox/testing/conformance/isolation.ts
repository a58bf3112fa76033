import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FORBIDDEN_CALLS, FORBIDDEN_SOCKETS, HOST_NUMBERS, perlList, thirtyTwoBitCall } from '../syscalls.ts';
import type { Bench } from './subject.ts';

/** Capabilities, system calls, processes and devices (attacks 51 to 64). */
export function conformanceOfIsolation(bench: Bench): void {
  const { fixture } = bench;

  test('sandbox/capabilities, new privileges and set-user-id programs: none inside', async () => {
    const { out } = await fixture().sh(
      'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status; su -c id 2>/dev/null; echo end',
    );
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.match(out, new RegExp(`^${set}:\\s+0+$`, 'm'));
    assert.match(out, /^NoNewPrivs:\s+1$/m);
    assert.match(out, /^Seccomp:\s+2$/m);
    assert.match(out, /\nend\n$/);
    assert.doesNotMatch(out, /uid=/);
  });

  test('sandbox/system calls that lead out: each refused', async () => {
    const calls = Object.entries(FORBIDDEN_CALLS).filter(([name]) => HOST_NUMBERS.has(name));
    const script = calls
      .map(([name, values]) => `t("${name}", ${perlList([HOST_NUMBERS.get(name) ?? -1, ...values])});`)
      .join('\n');
    const { out, err } = await fixture().perl(
      `sub t { my ($n, @c) = @_; my $r = syscall(shift @c, @c); print "$n ", $r == -1 ? $!+0 : 0, "\\n" }\n${script}`,
    );
    const answers = new Map(
      out
        .trim()
        .split('\n')
        .map((line) => line.split(' ') as [string, string]),
    );
    assert.equal(answers.size, calls.length, err);
    for (const [name, errno] of answers) assert.ok(['1', '38'].includes(errno), `${name}: ${errno}`);
  });

  test('sandbox/sockets that are not TCP, UDP or Unix: each refused', async () => {
    const script = Object.entries(FORBIDDEN_SOCKETS)
      .map(
        ([name, values]) => `print "${name} ", socket(my $s${name}, ${values.join(', ')}) ? 0 : $!+0, "\\n";`,
      )
      .join('\n');
    const { out } = await fixture().perl(`use Socket; ${script}`);
    const lines = out.trim().split('\n');
    assert.equal(lines.length, Object.keys(FORBIDDEN_SOCKETS).length);
    for (const line of lines) assert.doesNotMatch(line, / 0$/);
  });

  if (process.arch === 'x64')
    test('sandbox/system calls by the x32 and the 32-bit door: refused', async () => {
      const x32 = await fixture().perl(
        `$| = 1; print "begun "; my $r = syscall(${0x4000_0000 + (HOST_NUMBERS.get('getpid') ?? 0)}); print $r == -1 ? "refused" : "open"`,
      );
      assert.match(x32.out, /^begun (?:refused)?$/);
      const program = join(fixture().workspace, 'door');
      writeFileSync(program, thirtyTwoBitCall());
      chmodSync(program, 0o755);
      const { uid, gid } = bench.subject.account;
      const { chownSync } = await import('node:fs');
      chownSync(program, uid, gid);
      const door = await fixture().run(['/workspace/door']);
      assert.notEqual(door.exitCode, 42);
      assert.notEqual(door.exitCode, 0);
    });

  test('sandbox/input pushed into a terminal: refused', async () => {
    const script = `open(my $t, "+<", "/dev/ptmx") or die "no terminal"; my $c = "x"; my $l = "\\2";
      print ioctl($t, 0x5412, $c) ? "pushed" : $!+0; print " "; print ioctl($t, 0x541c, $l) ? "pushed" : $!+0;`;
    assert.equal((await fixture().perl(script)).out, '1 1');
    assert.notEqual((await fixture().sh('exec 3<>/dev/tty')).exitCode, 0);
  });

  test('sandbox/descriptors inherited from outside: none but the standard ones', async () => {
    const { out } = await fixture().perl(
      'opendir(my $d, "/proc/self/fd"); for (grep { /\\d/ } readdir $d) { print "$_ ", readlink("/proc/self/fd/$_"), "\\n" }',
    );
    const numbers = out
      .trim()
      .split('\n')
      .filter((line) => !/ (?:\/proc\/\d+\/fd|\/dev\/null)$/.test(line));
    assert.deepEqual(
      numbers.map((line) => line.split(' ')[0]).filter((fd) => Number(fd) > 2),
      [],
    );
    assert.doesNotMatch(out, /socket:|anon_inode/);
  });

  test('sandbox/processes, signals and messages of the host: out of reach', async () => {
    const { out } = await fixture().sh(
      `ls -d /proc/[0-9]* | wc -l; kill -0 ${process.pid} && echo signalled; kill -9 ${process.pid}; ipcs -m -q -s 2>/dev/null | grep -c 0x; ls /dev/mqueue 2>/dev/null | wc -l; cat /proc/1/environ | tr '\\0' '\\n' | grep -c GATEHOUSE`,
    );
    const [processes, ...rest] = out.trim().split('\n');
    assert.ok(Number(processes) < 12, out);
    assert.deepEqual(rest, ['0', '0', '0']);
  });

  test('sandbox/settings, memory and devices of the machine: not written, not read', async () => {
    const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
    const { out } = await fixture().sh(
      `for f in /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches /proc/sysrq-trigger /sys/kernel/uevent_helper; do (echo '|/workspace/x' > $f) 2>/dev/null && echo "wrote $f"; done
       for f in /proc/kcore /proc/kmsg /proc/keys /proc/timer_list /dev/mem /dev/kmsg /dev/sda /dev/vda /dev/fuse /dev/kvm /dev/net/tun; do [ -n "$(timeout 2 head -c 8 $f 2>/dev/null | tr -d '\\0')" ] && echo "read $f"; done
       mknod /tmp/disk b 8 0 2>/dev/null && echo made; ls /sys/class /sys/kernel /sys/firmware 2>/dev/null; echo end`,
    );
    assert.equal(out, 'end\n');
    assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), before);
  });

  test('sandbox/IPC, timers and queues left by one run: gone for the next', async () => {
    const byNumber = `my $id = syscall(${HOST_NUMBERS.get('shmget')}, 4711, 4096, 01666); print $id >= 0 ? "made" : $!+0;`;
    const find = `my $id = syscall(${HOST_NUMBERS.get('shmget')}, 4711, 4096, 0666); print $id >= 0 ? "found" : $!+0;`;
    const queue = (flags: number) =>
      `my $n = "gatehouse"; my $q = syscall(${HOST_NUMBERS.get('mq_open')}, $n, ${flags}, 0666, 0); print " ", $q >= 0 ? "open" : $!+0;`;
    assert.match((await fixture().perl(`${byNumber} ${queue(0o102)}`)).out, /^made (?:open|1|2)$/);
    assert.equal((await fixture().perl(`${find} ${queue(0)}`)).out, '2 2');
  });

  test('sandbox/nested namespace or sandbox: refused', async () => {
    const { out } = await fixture().sh(
      'unshare --user --map-root-user echo open; unshare -n echo open; command -v bwrap >/dev/null && bwrap --ro-bind / / echo open; echo end',
    );
    assert.equal(out, 'end\n');
  });

  test('sandbox/program left in the workspace that takes on another account: refused', async () => {
    const { out } = await fixture().sh(
      'cp /bin/true own; chmod u+s own && echo set; chmod 2755 own && echo set; perl -e "chmod 04755, q(own)"; [ -u own ] && echo set; rm -f own; echo end',
    );
    assert.equal(out, 'end\n');
    assert.ok(!existsSync(join(fixture().workspace, 'own')));
  });

  test('sandbox/variable that loads code, option smuggled in text, impossible directory: refused', async () => {
    const spec = { code: 'SANDBOX_SPEC_INVALID' };
    await assert.rejects(fixture().run(['true'], { env: { LD_PRELOAD: '/workspace/evil.so' } }), {
      code: 'SANDBOX_ENV_REFUSED',
    });
    await assert.rejects(fixture().run(['true', 'x\0--bind\0/\0/mnt']), spec);
    await assert.rejects(fixture().sh('true', { env: { A: '\0--network=host' } }), spec);
    await assert.rejects(fixture().sh('true', { cwd: '/workspace/\0x' }), spec);
    await assert.rejects(fixture().sh('true', { cwd: '/etc' }), spec);
    const odd = [
      "'; touch /workspace/ran; '",
      '$(touch /workspace/ran)',
      '--privileged',
      '-v',
      '/:/mnt',
      '\n',
      '',
    ];
    const { out } = await fixture().run(['printf', '%s|', ...odd]);
    assert.equal(out, odd.map((text) => `${text}|`).join(''));
    assert.ok(!existsSync(join(fixture().workspace, 'ran')));
  });

  test('only listed programs exist inside, or the run is refused with a code', async () => {
    const change = { programs: ['ls'] };
    if (bench.subject.strict) {
      assert.equal((await fixture().run(['ls', '/usr/bin'], change)).out, 'ls\n');
      assert.notEqual((await fixture().sh('echo ran > /workspace/ran', change)).exitCode, 0);
    } else await assert.rejects(fixture().run(['ls'], change), { code: 'SANDBOX_STRICT_UNSUPPORTED' });
    assert.ok(!existsSync(join(fixture().workspace, 'ran')));
  });
}
