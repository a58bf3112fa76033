import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { errnoInside, HOST_NUMBERS } from '../sandbox/testing/syscalls.ts';
import { Fixture } from './testing/fixture.ts';

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;
const EPROTONOSUPPORT = 93;
const fixture = new Fixture();
const host: Server = createServer((socket) => socket.destroy());
let reached = 0;
let hostPort = 0;

before(async () => {
  host.on('connection', () => {
    reached += 1;
  });
  host.listen(0, '127.0.0.1');
  await once(host, 'listening');
  hostPort = (host.address() as { port: number }).port;
});
after(() => {
  host.close();
  fixture[Symbol.dispose]();
});

for (const [call, values] of [
  ['io_uring_setup', [8, 0]],
  ['io_uring_enter', [0, 0, 0, 0]],
  ['io_uring_register', [0, 0, 0]],
  ['ptrace', [0, 0, 0, 0]],
  ['process_vm_readv', [1, 0, 0, 0, 0, 0]],
  ['process_vm_writev', [1, 0, 0, 0, 0, 0]],
  ['pidfd_getfd', [0, 0, 0]],
  ['kcmp', [1, 1, 0, 0, 0]],
  ['userfaultfd', [0]],
  ['bpf', [0, 0, 0]],
  ['perf_event_open', [0, 0, -1, -1, 0]],
  ['keyctl', [0, 0]],
  ['add_key', ['user', 'x', 'y', 1, 0]],
  ['request_key', ['user', 'x', 0, 0]],
  ['setns', [0, 0]],
  ['unshare', [0x10000000]],
  ['mount', ['none', '/tmp', 'tmpfs', 0, 0]],
  ['umount2', ['/tmp', 2]],
  ['open_tree', [0, '/', 0]],
  ['fsopen', ['tmpfs', 0]],
  ['move_mount', [0, '', 0, '', 0]],
  ['mount_setattr', [0, '/', 0, 0, 0]],
  ['pivot_root', ['/', '/']],
  ['chroot', ['/tmp']],
  ['kexec_load', [0, 0, 0, 0]],
  ['init_module', [0, 0, '']],
  ['finit_module', [0, '', 0]],
  ['delete_module', ['x', 0]],
  ['name_to_handle_at', [0, '/', 0, 0, 0]],
  ['open_by_handle_at', [0, 0, 0]],
  ['fanotify_init', [0, 0]],
  ['quotactl', [0, '', 0, 0]],
  ['sethostname', ['x', 1]],
  ['reboot', [0, 0, 0, 0]],
  ['swapon', ['/tmp/x', 0]],
  ['personality', [0x0040000]],
  ['clone', [0x10000011, 0, 0, 0, 0]],
  ['fchmodat', [-100, '/workspace', 0o4755]],
  ['openat', [-100, '/workspace/set', 0o101, 0o4755]],
  ['mknodat', [-100, '/workspace/set', 0o106755, 0]],
] as const)
  test(`sandbox/system call ${call}: refused`, async () => {
    assert.equal(await errnoInside(fixture, call, values), EPERM);
  });

for (const [call, values] of [
  ['clone3', [0, 0]],
  ['openat2', [-100, '/workspace/set', 0, 0]],
  ['memfd_create', ['x', 0]],
  ['memfd_secret', [0]],
] as const)
  test(`sandbox/system call ${call}: refused as unknown`, async () => {
    assert.equal(await errnoInside(fixture, call, values), ENOSYS);
  });

test('sandbox/execution of an open file by descriptor alone: refused', async () => {
  assert.equal(await errnoInside(fixture, 'execveat', [0, '', 0, 0, 0x1000]), EPERM);
});

if (process.arch === 'x64')
  test('sandbox/system call by the x32 door: refused', async () => {
    assert.equal(await errnoInside(fixture, 0x4000_0000 + (HOST_NUMBERS.get('getpid') ?? 0)), EPERM);
  });

for (const [name, family, type, protocol, errno] of [
  ['netlink', 16, 3, 0, EAFNOSUPPORT],
  ['packet', 17, 3, 0, EAFNOSUPPORT],
  ['vsock', 40, 1, 0, EAFNOSUPPORT],
  ['AF_ALG', 38, 5, 0, EAFNOSUPPORT],
  ['bluetooth', 31, 3, 0, EAFNOSUPPORT],
  ['XDP', 44, 3, 0, EAFNOSUPPORT],
  ['raw IPv4', 2, 3, 1, EPROTONOSUPPORT],
  ['raw IPv6', 10, 3, 58, EPROTONOSUPPORT],
  ['ping', 2, 2, 1, EPROTONOSUPPORT],
  ['SCTP', 2, 1, 132, EPROTONOSUPPORT],
  ['MPTCP', 2, 1, 262, EPROTONOSUPPORT],
] as const)
  test(`sandbox/${name} socket: refused`, async () => {
    assert.equal(await errnoInside(fixture, 'socket', [family, type, protocol]), errno);
  });

const CONNECT = `use Socket; socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
  print connect($s, pack_sockaddr_in($ARGV[1], inet_aton($ARGV[0]))) ? "reached" : $!+0;`;

test('sandbox/connection to a service on the host loopback: refused', async () => {
  const { out } = await fixture.run(['perl', '-e', CONNECT, '127.0.0.1', String(hostPort)]);
  assert.equal(out, '111');
  assert.equal(reached, 0);
});

test('sandbox/direct connection to an outside or metadata address: refused', async () => {
  for (const address of ['192.0.2.1', '169.254.169.254', '10.0.0.1']) {
    const { out } = await fixture.run(['perl', '-e', CONNECT, address, '80']);
    assert.equal(out, '101', address);
  }
});

test('sandbox/datagrams to a resolver: refused', async () => {
  const script = `use Socket; socket(my $s, AF_INET, SOCK_DGRAM, 0) or die;
    print defined(send($s, "x", 0, pack_sockaddr_in(53, inet_aton("8.8.8.8")))) ? "sent" : $!+0;`;
  assert.equal((await fixture.run(['perl', '-e', script])).out, '101');
});

test('sandbox/name look-up: refused at once, without a resolver', async () => {
  const { out, durationMs } = await fixture.sh(
    'getent hosts example.org; echo "code $?"; getent hosts localhost',
  );
  assert.match(out, /^code 2\n(?:127\.0\.0\.1|::1)\s+localhost/);
  assert.ok(durationMs < 3_000);
});

test('sandbox/abstract socket of the host: refused', async () => {
  const name = `gatehouse-test-${process.pid}`;
  const server = createServer((socket) => socket.end('inside out'));
  server.listen(`\0${name}`);
  await once(server, 'listening');
  const script = `use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
    print connect($s, pack("Sa*", AF_UNIX, "\\0$ARGV[0]")) ? "reached" : $!+0;`;
  const { out } = await fixture.run(['perl', '-e', script, name]);
  server.close();
  assert.equal(out, '111');
});

test('sandbox/container, bus and agent sockets by path: refused', async () => {
  const { out } = await fixture.sh(
    'for p in /var/run/docker.sock /run/docker.sock /run/dbus /run/systemd /run/user /var/run /run /tmp/.X11-unix; do [ -e $p ] && echo $p; done; env',
  );
  assert.doesNotMatch(out, /^\//m);
  assert.doesNotMatch(out, /SSH_AUTH_SOCK|DBUS|XDG_RUNTIME/);
});

test('sandbox/the host by its usual places: refused', async () => {
  const places = `/root /home /var /etc/shadow /etc/ssh /sys /boot /srv ${fixture.base} ${process.cwd()}`;
  const { out } = await fixture.sh(`ls -d ${places} 2>/dev/null; ls /`);
  const entries = out.trim().split('\n');
  for (const place of places.split(' ')) assert.ok(!entries.includes(place), place);
  assert.deepEqual(
    entries.filter((name) => !/^(?:bin|sbin|lib|lib32|lib64|libx32|usr)$/.test(name)).toSorted(),
    ['dev', 'etc', 'proc', 'tmp', 'workspace'],
  );
});

test('sandbox/program left in the workspace that takes on the account of the gateway: refused', async () => {
  const { out, exitCode } = await fixture.sh(
    `cp /bin/sh own && ! chmod u+s own && ! chmod 2755 own && ! install -m 4755 /bin/true two
     mkdir -m 755 plain && chmod 1777 plain && chmod 755 own && mkfifo pipe && ./own -c 'echo runs'`,
  );
  assert.equal(exitCode, 0);
  assert.equal(out, 'runs\n');
  for (const name of readdirSync(fixture.workspace))
    assert.equal(statSync(join(fixture.workspace, name)).mode & 0o6000, 0, name);
});

test('sandbox/what /proc tells of the machine and of the account outside: refused', async () => {
  const delicate =
    'keys kpagecount kpageflags kpagecgroup pagetypeinfo slabinfo timer_list vmallocinfo kcore kmsg';
  const { out } = await fixture.sh(
    `cd /proc; for f in ${delicate}; do timeout 2 head -c 8 $f 2>/dev/null; done`,
  );
  assert.equal(out, '');
  const { exitCode } = await fixture.sh('echo b > /proc/sysrq-trigger || echo 1 > /proc/self/oom_score_adj');
  assert.notEqual(exitCode, 0);
});

test('sandbox/secret of the gateway in an environment or command line: refused', async () => {
  process.env['GATEHOUSE_TEST_SECRET'] = 'sk-do-not-leak';
  const { out } = await fixture.sh(
    'env; for p in /proc/[0-9]*; do tr "\\0" "\\n" < $p/environ; tr "\\0" " " < $p/cmdline; done 2>/dev/null; ls -d /proc/[0-9]*',
  );
  delete process.env['GATEHOUSE_TEST_SECRET'];
  assert.doesNotMatch(out, /sk-do-not-leak/);
  // Its own namespace: process 1 is bubblewrap's, and the few others are this run's.
  assert.ok((out.match(/^\/proc\/\d+$/gm) ?? []).length < 8);
});

test('sandbox/memory and root of process 1: refused', async () => {
  const { out } = await fixture.sh(
    'ls /proc/1/root/ 2>/dev/null; head -c 1 /proc/1/mem 2>/dev/null; ls -l /proc/1/fd 2>/dev/null; echo end',
  );
  assert.doesNotMatch(out, /root|home|var|boot/);
});

test('sandbox/write outside the workspace: refused', async () => {
  const { out } = await fixture.sh(
    'for p in / /usr /usr/bin /etc /proc/sys/kernel /opt; do touch $p/x 2>/dev/null && echo "wrote $p"; done; echo end',
  );
  assert.equal(out, 'end\n');
});

test('sandbox/kernel setting that names a program to run as root: refused', async () => {
  const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
  const { exitCode } = await fixture.sh(
    'cat /proc/sys/kernel/core_pattern > /tmp/same && cat /tmp/same > /proc/sys/kernel/core_pattern',
  );
  assert.notEqual(exitCode, 0);
  assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), before);
});

test('sandbox/link in the workspace to a file of the host: refused', async () => {
  const secret = join(fixture.secrets, 'token');
  writeFileSync(secret, 'host-secret');
  symlinkSync(secret, join(fixture.workspace, 'to-secret'));
  symlinkSync('/etc/shadow', join(fixture.workspace, 'to-shadow'));
  const { out, exitCode } = await fixture.sh('cat to-secret; cat to-shadow; echo changed > to-secret');
  assert.notEqual(exitCode, 0);
  assert.equal(out, '');
  assert.equal(readFileSync(secret, 'utf8'), 'host-secret');
});

test('sandbox/write through a read-only mount: refused', async () => {
  const mounts = [{ ...fixture.mount, mode: 'ro' as const }];
  const { exitCode } = await fixture.sh('touch /workspace/new', { mounts });
  assert.notEqual(exitCode, 0);
  assert.ok(!existsSync(join(fixture.workspace, 'new')));
});

test('sandbox/remount of a read-only file system: refused', async () => {
  assert.equal(await errnoInside(fixture, 'mount', ['none', '/usr', '', 0x20 | 0x1000, 0]), EPERM);
  assert.notEqual((await fixture.sh('mount -o remount,rw /usr')).exitCode, 0);
});

test('sandbox/nested user namespace: refused', async () => {
  assert.notEqual((await fixture.sh('unshare --user --map-root-user true')).exitCode, 0);
});

test('sandbox/capabilities and set-user-id programs: none inside', async () => {
  const { out } = await fixture.sh(
    'grep -E "^(Cap|NoNewPrivs|Seccomp:|Uid)" /proc/self/status; id -u; su -c id 2>/dev/null; echo end',
  );
  assert.match(out, /^CapEff:\s+0+$/m);
  assert.match(out, /^CapBnd:\s+0+$/m);
  assert.match(out, /^NoNewPrivs:\s+1$/m);
  assert.match(out, /^Seccomp:\s+2$/m);
  assert.match(out, /\n1000\nend\n$/);
});

test('sandbox/input pushed into a terminal: refused', async () => {
  // TIOCSTI and TIOCLINUX by their numbers, on a terminal of the run's own.
  const script = `open(my $t, "+<", "/dev/ptmx") or die; my $c = "x"; my $l = "\\2";
    print ioctl($t, 0x5412, $c) ? "pushed" : $!+0; print " "; print ioctl($t, 0x541c, $l) ? "pushed" : $!+0;`;
  assert.equal((await fixture.run(['perl', '-e', script])).out, '1 1');
});

test('sandbox/descriptors inherited from the gateway: none but the standard ones', async () => {
  const { out } = await fixture.run([
    'perl',
    '-e',
    'opendir(my $d, "/proc/self/fd"); for (sort { $a <=> $b } grep { /\\d/ } readdir $d) { print "$_ ", readlink("/proc/self/fd/$_"), "\\n" }',
  ]);
  for (const line of out.trim().split('\n'))
    assert.match(
      line,
      /^(?:0 \/dev\/null|[12] \S+\/pipe-[\w-]+ \(deleted\)|\d+ (?:\/dev\/null|\/proc\/\d+\/fd))$/,
    );
});

test('sandbox/variable that loads a library of the workspace: refused', async () => {
  await assert.rejects(fixture.run(['true'], { env: { LD_PRELOAD: '/workspace/evil.so' } }), {
    code: 'SANDBOX_ENV_REFUSED',
  });
});

test('sandbox/mount of a forbidden directory: refused before anything starts', async () => {
  const mounts = [{ source: fixture.secrets, target: '/workspace', mode: 'ro' as const }];
  await assert.rejects(fixture.sh('touch /workspace/ran', { mounts }), { code: 'SANDBOX_MOUNT_REFUSED' });
  assert.ok(!existsSync(join(fixture.secrets, 'ran')));
});

test('sandbox/option smuggled in an argument, a variable or a path: refused', async () => {
  await assert.rejects(fixture.run(['true', 'x\0--bind\0/\0/mnt']), { code: 'SANDBOX_SPEC_INVALID' });
  await assert.rejects(fixture.sh('true', { env: { A: '\0--share-net' } }), { code: 'SANDBOX_SPEC_INVALID' });
  await assert.rejects(fixture.sh('true', { cwd: '/workspace/\0x' }), { code: 'SANDBOX_SPEC_INVALID' });
  const { out } = await fixture.run(['echo', '--ro-bind', '/', '/mnt']);
  assert.equal(out, '--ro-bind / /mnt\n');
});

test('sandbox/what the machine was started with, and the socket tables of others: empty inside', async () => {
  const { out } = await fixture.sh(
    'cat /proc/cmdline; tail -n +2 /proc/net/unix | grep -c "/" ; tail -n +2 /proc/net/tcp | wc -l; cat /proc/self/cgroup | grep -c gatehouse',
  );
  assert.deepEqual(out.trim().split('\n'), ['0', '0', '0']);
});

test('sandbox/inodes without end on /tmp and in shared memory: bounded by the memory of the run', async () => {
  const result = await fixture.perl(
    'for (1..3000000) { open(my $f, ">", "/tmp/$_") or last; } print "all"',
    [],
    {
      limits: { memoryBytes: 64 * 1024 * 1024, cpuSeconds: 30 },
    },
  );
  assert.notEqual(result.out, 'all');
});
