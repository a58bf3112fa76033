import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fakeEgress } from '../proxy.ts';
import type { Bench } from './subject.ts';

const limits = { memoryBytes: 1024 ** 3 };
const GET = `require('node:http').get('http://example.org/' + process.argv[1], (r) => r.on('data', (d) => console.log(String(d)))).on('error', (e) => console.log(e.code))`;

function closing(server: Server): Disposable {
  return { [Symbol.dispose]: () => void server.close() };
}

/** Nothing but the run's own socket, and that socket nobody else's (attacks 49 to 56, E5). */
export function conformanceOfNetwork(bench: Bench): void {
  const { fixture } = bench;
  let sockets = 0;
  const socketPath = () => join(fixture().base, `e${(sockets += 1)}.sock`);
  /** Egress runs as the account of the gateway. */
  const ofAccount = (path: string) => {
    chownSync(path, bench.subject.account.uid, bench.subject.account.gid);
    return path;
  };

  test('sandbox/direct connections, datagrams and look-ups, to host, outside and metadata: refused', async () => {
    const host = createServer((socket) => socket.destroy());
    let reached = 0;
    host.on('connection', () => {
      reached += 1;
    });
    using _closed = closing(host);
    host.listen(0, '127.0.0.1');
    await once(host, 'listening');
    const { port } = host.address() as AddressInfo;
    const script = `use Socket; use Socket qw(pack_sockaddr_in6 inet_pton);
      for (@ARGV) { my ($a, $p) = split /\\//; socket(my $s, AF_INET, SOCK_STREAM, 0) or next;
        print "$a ", connect($s, pack_sockaddr_in($p, inet_aton($a))) ? "reached" : $!+0, "\\n"; }
      my $six; socket($six, AF_INET6, SOCK_STREAM, 0); print "six ", connect($six, pack_sockaddr_in6(80, inet_pton(AF_INET6, "2606:4700::1111"))) ? "reached" : $!+0, "\\n";
      socket(my $u, AF_INET, SOCK_DGRAM, 0); print "udp ", defined(send($u, "x", 0, pack_sockaddr_in(53, inet_aton("8.8.8.8")))) ? "reached" : $!+0, "\\n";
      print "name ", defined(scalar inet_aton("example.org")) ? "reached" : "unknown", "\\n";`;
    const where = [
      `127.0.0.1/${port}`,
      '192.0.2.1/80',
      '169.254.169.254/80',
      '10.0.0.1/80',
      '172.17.0.1/80',
      '10.88.0.1/80',
    ];
    const { out, err } = await fixture().perl(script, where, {
      env: { HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '*' },
    });
    assert.equal(out.trim().split('\n').length, where.length + 3, err);
    assert.doesNotMatch(out, /reached/);
    assert.equal(reached, 0);
    const devices = await fixture().sh('tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "');
    assert.equal(devices.out, 'lo\n');
  });

  test('sandbox/abstract sockets, and sockets of engines, buses and agents: refused', async () => {
    const name = `gatehouse-test-${process.pid}`;
    const server = createServer((socket) => socket.end('inside out'));
    using _closed = closing(server);
    server.listen(`\0${name}`);
    await once(server, 'listening');
    const script = `use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die; print connect($s, pack("Sa*", AF_UNIX, "\\0$ARGV[0]")) ? "reached" : $!+0;`;
    const { out } = await fixture().perl(script, [name]);
    assert.equal(out, '111');
    const found = await fixture().sh(
      'for p in /var/run/docker.sock /run/docker.sock /run/podman /run/containerd /run/dbus /run/systemd /run/user /tmp/.X11-unix /run/gatehouse/egress.sock; do [ -e $p ] && echo $p; done; env | grep -E "SSH_AUTH_SOCK|DBUS|XDG_RUNTIME|DOCKER_HOST|CONTAINER_HOST"; echo end',
    );
    assert.equal(found.out, 'end\n');
  });

  test('what a run sends comes out of its own socket and of no other', async () => {
    const answer = (who: string) => ({
      plain: (_request: unknown, response: { end(text: string): void }) => response.end(`through ${who}`),
    });
    const paths = [socketPath(), socketPath()] as const;
    await using first = await fakeEgress(paths[0], answer('first'));
    await using second = await fakeEgress(paths[1], answer('second'));
    const runs = await Promise.all(
      paths.map((path, index) =>
        fixture().run(['/opt/gatehouse/node', '-e', GET, String(index)], {
          egressSocket: ofAccount(path),
          limits,
        }),
      ),
    );
    assert.deepEqual(
      runs.map(({ out, err }) => out || err),
      ['through first\n', 'through second\n'],
    );
    assert.deepEqual(first.seen, ['GET http://example.org/0']);
    assert.deepEqual(second.seen, ['GET http://example.org/1']);
  });

  test('sandbox/socket of another run, or a way out for a run that has none: refused', async () => {
    const path = socketPath();
    await using other = await fakeEgress(path, {});
    const { out } = await fixture().sh(
      `ls ${path} ${fixture().base} ${fixture().places.workDir} 2>/dev/null; ls /run/gatehouse/egress.sock 2>/dev/null; echo end`,
    );
    assert.equal(out, 'end\n');
    await assert.rejects(fixture().sh('true', { egressSocket: join(fixture().base, 'missing.sock') }), {
      code: 'SANDBOX_MOUNT_REFUSED',
    });
    await assert.rejects(fixture().sh('true', { egressSocket: fixture().workspace }), {
      code: 'SANDBOX_MOUNT_REFUSED',
    });
    assert.deepEqual(other.seen, []);
  });

  test('a run with a way out trusts what egress says, under every name that programs look at', async () => {
    const path = socketPath();
    await using _egress = await fakeEgress(path, {});
    const trustBundle = join(fixture().base, 'trust.pem');
    writeFileSync(trustBundle, 'the bundle', { mode: 0o644 });
    const change = { egressSocket: ofAccount(path), limits, trustBundle };
    const { out } = await fixture().sh(
      'cat "$SSL_CERT_FILE" "$GIT_SSL_CAINFO"; [ ! -e /etc/ssl/certs/ca-certificates.crt ] || cat /etc/ssl/certs/ca-certificates.crt; (echo x > "$SSL_CERT_FILE") 2>/dev/null; echo end',
      change,
    );
    assert.match(out, /^(?:the bundle){2,3}end\n$/);
  });

  test('exit code, signal, input and output pass through the bridge', async () => {
    const path = socketPath();
    await using _egress = await fakeEgress(path, {});
    const change = { egressSocket: ofAccount(path), limits, stdin: Buffer.from('in') };
    const both = await fixture().sh('cat; echo err >&2; exit 7', change);
    assert.deepEqual([both.out, both.err, both.exitCode], ['in', 'err\n', 7]);
    assert.equal((await fixture().sh('kill -TERM $$', change)).signal, 'SIGTERM');
  });

  test('sandbox/two programs in turn: a socket left listening by one is gone for the next', async () => {
    writeFileSync(join(fixture().workspace, 'listen.pl'), '');
    chmodSync(join(fixture().workspace, 'listen.pl'), 0o644);
    const listen = `use Socket; socket(my $s, AF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1); bind($s, pack_sockaddr_in(4711, INADDR_ANY)) or die; listen($s, 1); print "listening"; if (!fork) { sleep 60 }`;
    assert.equal((await fixture().perl(listen)).out, 'listening');
    const connect = `use Socket; socket(my $s, AF_INET, SOCK_STREAM, 0); print connect($s, pack_sockaddr_in(4711, inet_aton("127.0.0.1"))) ? "reached" : $!+0;`;
    assert.equal((await fixture().perl(connect)).out, '111');
  });
}
