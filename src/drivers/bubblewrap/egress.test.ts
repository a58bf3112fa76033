import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fakeEgress, REFUSAL } from '../sandbox/testing/proxy.ts';
import { MAX_CONNECTIONS } from './inside/relay.ts';
import { Fixture } from './testing/fixture.ts';

const fixture = new Fixture();
after(() => fixture[Symbol.dispose]());
let sockets = 0;
function socketPath(): string {
  sockets += 1;
  return join(fixture.base, `egress-${sockets}.sock`);
}
const limits = { memoryBytes: 1024 ** 3 };

test('a run with a way out reaches egress as a proxy on its own loopback', async () => {
  const path = socketPath();
  await using egress = await fakeEgress(path, {
    plain: (request, response) => response.end(`for ${request.headers.host}`),
  });
  const script = `
    for (const name of ['HTTP_PROXY', 'https_proxy', 'ALL_PROXY']) if (process.env[name] !== 'http://127.0.0.1:3128') throw new Error(name);
    require('node:http').get('http://example.org/page', (r) => r.on('data', (d) => console.log(String(d))));`;
  const { out, err } = await fixture.run(['/opt/gatehouse/node', '-e', script], {
    egressSocket: path,
    limits,
  });
  assert.equal(out, 'for example.org\n', err);
  assert.deepEqual(
    egress.seen.filter((line) => line.startsWith('GET')),
    ['GET http://example.org/page'],
  );
});

test('sandbox/a way around the bridge: only the run’s own socket is there', async () => {
  const path = socketPath();
  await using egress = await fakeEgress(path, {});
  const { out } = await fixture.sh(
    'ls /run /run/gatehouse; tail -n +3 /proc/net/dev | cut -d: -f1; tail -n +2 /proc/net/tcp | wc -l; touch /run/gatehouse/x /opt/gatehouse/x 2>/dev/null || echo fixed',
    { egressSocket: path, limits },
  );
  assert.equal(out, '/run:\ngatehouse\n\n/run/gatehouse:\negress.sock\n    lo\n1\nfixed\n');
  assert.deepEqual(egress.seen, []);
});

test('the command’s exit code, signal, output and input pass through the bridge', async () => {
  const path = socketPath();
  await using _egress = await fakeEgress(path, {});
  const change = { egressSocket: path, limits };
  assert.equal((await fixture.sh('exit 7', change)).exitCode, 7);
  assert.equal((await fixture.sh('kill -TERM $$', change)).signal, 'SIGTERM');
  const missing = await fixture.run(['no-such-program'], change);
  assert.equal(missing.exitCode, 127);
  assert.match(missing.err, /cannot start no-such-program: ENOENT/);
  const both = await fixture.sh('cat; echo err >&2', { ...change, stdin: Buffer.from('in') });
  assert.deepEqual([both.out, both.err], ['in', 'err\n']);
});

test('the bridge keeps each direction open until its own side is done', async () => {
  const path = socketPath();
  const got: string[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    socket.on('data', (chunk) => got.push(String(chunk)));
    socket.on('end', () => socket.end('answer after end'));
  });
  server.listen(path);
  await once(server, 'listening');
  const script = `use IO::Socket::INET; my $s = IO::Socket::INET->new("127.0.0.1:3128") or die "no proxy";
    print $s "question"; shutdown($s, 1); local $/; print scalar <$s>;`;
  const { out, err } = await fixture.run(['perl', '-e', script], { egressSocket: path, limits });
  server.close();
  assert.equal(out, 'answer after end', err);
  assert.equal(got.join(''), 'question');
});

test('sandbox/more connections through the bridge than allowed: closed', async () => {
  const path = socketPath();
  const server = createServer((socket) => socket.on('error', () => undefined).write('hello'));
  server.listen(path);
  await once(server, 'listening');
  const script = `use IO::Socket::INET; my @open; my $greeted = 0;
    for (1..140) { my $s = IO::Socket::INET->new("127.0.0.1:3128") or last; push @open, $s; sysread($s, my $b, 5) and $greeted++; }
    print $greeted;`;
  const { out } = await fixture.run(['perl', '-e', script], {
    egressSocket: path,
    limits: { ...limits, openFiles: 1024 },
  });
  server.close();
  assert.equal(out, String(MAX_CONNECTIONS));
});

test('sandbox/egress socket that is not a socket, or is reached through a link: refused', async () => {
  await assert.rejects(fixture.sh('true', { egressSocket: join(fixture.base, 'missing.sock') }), {
    code: 'SANDBOX_MOUNT_REFUSED',
  });
  await assert.rejects(fixture.sh('true', { egressSocket: fixture.workspace }), {
    code: 'SANDBOX_MOUNT_REFUSED',
  });
});

test('fetch inside a run prints the document, and passes a refusal on', async () => {
  const path = socketPath();
  await using _egress = await fakeEgress(path, {
    plain: (request, response) => {
      response.setHeader('content-type', 'text/plain');
      response.end(`you asked for ${request.url}`);
    },
  });
  const change = { egressSocket: path, limits };
  const fetched = await fixture.run(
    ['/opt/gatehouse/node', '/opt/gatehouse/fetch.mjs', 'http://example.org/a'],
    change,
  );
  assert.deepEqual(JSON.parse(fetched.out), {
    url: 'http://example.org/a',
    status: 200,
    contentType: 'text/plain',
    body: 'you asked for http://example.org/a',
    truncated: false,
  });
  const refused = await fixture.run(
    ['/opt/gatehouse/node', '/opt/gatehouse/fetch.mjs', 'https://example.org/a'],
    change,
  );
  const { code, message, fix } = REFUSAL;
  assert.deepEqual(JSON.parse(refused.out), { error: { code, message, fix } });
  assert.equal(refused.exitCode, 1);
});

test('in strict mode the way out works as well', async () => {
  const path = socketPath();
  await using _egress = await fakeEgress(path, {});
  const { out, err } = await fixture.run(['ls', '/usr/bin'], {
    egressSocket: path,
    programs: ['ls'],
    limits,
  });
  assert.equal(out, 'ls\n', err);
});
