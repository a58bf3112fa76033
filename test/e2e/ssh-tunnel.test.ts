import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkReach } from '../../src/controls/listen/index.ts';
import { measureSshd } from '../../src/drivers/os/sshd.ts';
import { homePaths } from '../../src/processes/home.ts';
import { runCli, startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { call } from '../fixtures/http.ts';
import { records, until } from '../fixtures/operator.ts';
import { accepts, freePort, listening } from '../fixtures/programs.ts';
import { connectParams, openSocket } from '../fixtures/raw-websocket.ts';
import { type TestSshd, testSshd } from '../fixtures/sshd.ts';

let gateway: TestGateway;
let sshd: TestSshd;
let token: string;
let localPort: number;
/** Something else of this machine that a key for the tunnel must not reach. */
let other: Server;
let otherPort: number;
let reached = 0;

before(async () => {
  gateway = await startGateway();
  sshd = await testSshd();
  token = await gateway.issueToken('far', ['operator.admin']);
  other = createServer((socket) => {
    reached += 1;
    socket.on('error', () => undefined);
    socket.end('reached');
  });
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  otherPort = (other.address() as { port: number }).port;
  localPort = await freePort();
});

after(async () => {
  await sshd?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
  other?.close();
});

/** What `gatehouse tunnel print` says for this sshd, split into its parts. */
async function printed(format: 'command' | 'ssh-config') {
  const { stdout, stderr } = await gateway.cli([
    'tunnel',
    'print',
    '--host',
    `${sshd.user}@127.0.0.1`,
    '--format',
    format,
    '--ssh-port',
    String(sshd.port),
    '--local-port',
    String(localPort),
    '--identity',
    sshd.identity,
    '--public-key',
    sshd.publicKey,
  ]);
  const lines = stdout.split('\n');
  const notes = lines.filter((line) => line.startsWith('#')).map((line) => line.replace(/^# ?/, ''));
  const authorized = notes.find((line) => line.startsWith('restrict,')) ?? '';
  const from = notes.findIndex((line) => line.startsWith('Match User '));
  const match = notes.slice(from, notes.indexOf('', from));
  assert.ok(authorized !== '' && match.length > 5, `${stdout}${stderr}`);
  return { text: stdout, command: (lines[0] ?? '').split(' '), authorized, match };
}

interface Tunnel extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly url: string;
}

async function open(words: readonly string[]): Promise<Tunnel> {
  const child = sshd.run(words);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await listening(localPort, () => `${said}${sshd.log()}`);
  return {
    child,
    url: `http://127.0.0.1:${localPort}`,
    [Symbol.asyncDispose]: () => end(child),
  };
}

/** Run ssh with the tunnel's key and these words of an attacker, to its end. */
async function ssh(...words: readonly string[]) {
  const options = [
    '-p',
    String(sshd.port),
    '-i',
    sshd.identity,
    '-o',
    'BatchMode=yes',
    '-o',
    'ExitOnForwardFailure=yes',
  ];
  const child = sshd.run(['ssh', ...options, ...words]);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await ended;
}

/** What comes back until the other side closes, also when it closes rudely. */
function exchange(socket: Socket, text: string): Promise<string> {
  let got = '';
  socket.on('data', (chunk: Buffer) => (got += chunk.toString()));
  socket.on('error', () => undefined);
  if (text !== '') socket.write(text);
  return new Promise((resolve) => socket.once('close', () => resolve(got)));
}

const there = () => `${sshd.user}@127.0.0.1`;

describe('the tunnel that is printed', () => {
  test('works as the command says: the command line, HTTP and a WebSocket reach the gateway with a token', async () => {
    const { command, authorized, match } = await printed('command');
    await sshd.start(match, authorized);
    await using tunnel = await open(command);
    const env = { GATEHOUSE_URL: tunnel.url, GATEHOUSE_TOKEN: token };
    const { code, stdout, stderr } = await runCli(gateway.home, ['gateway', 'status', '--json'], { env });
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { pid: number }).pid, gateway.pid);
    assert.equal((await call(`${tunnel.url}/v1/models`, { token })).status, 200);
    await using socket = await openSocket(tunnel.url);
    await socket.nonce();
    assert.equal((await socket.connect(connectParams(token))).ok, true);
  });

  test('works as the entry of ssh_config says', async () => {
    const { text, authorized, match } = await printed('ssh-config');
    await sshd.start(match, authorized);
    const file = join(sshd.folder, 'ssh_config');
    writeFileSync(file, text, { mode: 0o600 });
    await using tunnel = await open(['ssh', '-F', file, 'gatehouse-tunnel']);
    assert.equal((await call(`${tunnel.url}/v1/models`, { token })).status, 200);
  });

  test('auth/a stranger at its end: refused, the tunnel proves nothing', async () => {
    const { command, authorized, match } = await printed('command');
    await sshd.start(match, authorized);
    await using tunnel = await open(command);
    const answer = await call(`${tunnel.url}/api/v1/token.list`, { body: {} });
    assert.deepEqual([answer.status, answer.code], [401, 'AUTH_TOKEN_MISSING']);
    const [refusal] = await records(gateway.home, { code: 'AUTH_TOKEN_MISSING' });
    assert.equal(refusal?.data?.['address'], '127.0.0.1');
    const origin = await call(`${tunnel.url}/v1/models`, { token, headers: { origin: 'http://evil.test' } });
    assert.deepEqual([origin.status, origin.code], [403, 'LISTEN_ORIGIN_NOT_ALLOWED']);
  });

  test('reach/another host key than the known one: refused, and no port is opened here', async () => {
    const { command, authorized, match } = await printed('command');
    await sshd.start(match, authorized);
    sshd.mistakeHostKey();
    const child = sshd.run(command);
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [code] = await once(child, 'close');
    assert.equal(code, 255);
    assert.match(said, /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
    assert.equal(await accepts(localPort), false);
    assert.doesNotMatch(sshd.log(), /Accepted publickey/);
  });

  test('ends when its port here is taken by somebody else, instead of sending clients there', async () => {
    const { command, authorized, match } = await printed('command');
    await sshd.start(match, authorized);
    const squatter = createServer((socket) => socket.destroy()).listen(localPort, '127.0.0.1');
    await once(squatter, 'listening');
    const child = sshd.run(command);
    const [code] = await once(child, 'close');
    squatter.close();
    assert.equal(code, 255);
  });
});

describe('whoever holds the key of the tunnel', () => {
  before(async () => {
    const { authorized, match } = await printed('command');
    await sshd.start(match, authorized);
  });

  test('reach/another port of that machine: refused', async () => {
    const port = await freePort();
    const child = sshd.run([
      'ssh',
      '-N',
      '-p',
      String(sshd.port),
      '-i',
      sshd.identity,
      '-o',
      'BatchMode=yes',
      '-L',
      `127.0.0.1:${port}:127.0.0.1:${otherPort}`,
      there(),
    ]);
    await listening(port, sshd.log);
    assert.equal(await exchange(connect(port, '127.0.0.1'), ''), '');
    await end(child);
    assert.equal(reached, 0);
    assert.match(sshd.log(), /to connect to host 127\.0\.0\.1 port \d+, but the request was denied/);
  });

  test('reach/standard input joined to another port of that machine: refused', async () => {
    const { code } = await ssh('-W', `127.0.0.1:${otherPort}`, there());
    assert.equal(code, 255);
    assert.equal(reached, 0);
  });

  test('reach/a listener opened on that machine: refused', async () => {
    const port = await freePort();
    for (const where of [`127.0.0.1:${port}`, `0.0.0.0:${port}`, `${sshd.folder}/listener.sock`]) {
      const { code } = await ssh('-N', '-R', `${where}:127.0.0.1:${gateway.port}`, there());
      assert.equal(code, 255, where);
    }
    assert.equal(await accepts(port), false);
    assert.equal(existsSync(join(sshd.folder, 'listener.sock')), false);
  });

  test('reach/a command, a shell, a terminal or files of that machine: refused', async () => {
    const file = join(sshd.folder, 'made');
    for (const words of [
      ['touch', file],
      ['-s', 'sftp'],
      ['-tt', 'touch', file],
    ]) {
      const isOption = words[0]?.startsWith('-') === true;
      const result = await ssh(
        ...(isOption ? [words[0] ?? '', there(), ...words.slice(1)] : [there(), ...words]),
      );
      assert.notEqual(result.code, 0, words.join(' '));
    }
    assert.equal((await ssh(there())).code, 1);
    assert.equal(existsSync(file), false);
  });

  test('reach/the agent of somebody lent to that machine: refused', async () => {
    await ssh('-A', there(), 'true');
    assert.doesNotMatch(sshd.log(), /auth-agent-req@openssh\.com (?!.*denied)[^\n]*accepted/i);
    const { stderr } = await ssh('-v', '-A', there(), 'true');
    assert.doesNotMatch(stderr, /agent forwarding enabled/i);
  });

  test('reach/the operator’s Unix socket: refused by the line of authorized_keys, and by the block of sshd_config', async () => {
    let asked = 0;
    const target = join(homePaths({ GATEHOUSE_HOME: gateway.home }).run, 'gateway.sock');
    const ask = async () => {
      const request =
        'POST /api/v1/token.list HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}';
      const near = join(sshd.folder, `near-${(asked += 1)}.sock`);
      const child = sshd.run([
        'ssh',
        '-N',
        '-p',
        String(sshd.port),
        '-i',
        sshd.identity,
        '-o',
        'BatchMode=yes',
        '-o',
        'StreamLocalBindUnlink=yes',
        '-L',
        `${near}:${target}`,
        there(),
      ]);
      await until(() => existsSync(near), 'ssh opened no socket');
      const got = await exchange(connect(near), request);
      await end(child);
      return got;
    };
    const { authorized, match } = await printed('command');
    await sshd.start(match, authorized);
    assert.equal(await ask(), '');
    await sshd.start([], authorized);
    assert.equal(await ask(), '');
    assert.match(sshd.log(), /to connect to path .*gateway\.sock, but the request was denied/);
    await sshd.start(match, sshd.publicKey);
    assert.equal(await ask(), '');
    // With neither it is open to the account, as to any of its programs: what refused above were those two.
    await sshd.start([], sshd.publicKey);
    assert.match(await ask(), /^HTTP\/1\.1 200/);
    await sshd.start(match, authorized);
  });
});

describe('doctor on the sshd of this machine', () => {
  const GOOD = [
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin no',
    'GatewayPorts no',
    'AllowTcpForwarding local',
    'AllowStreamLocalForwarding no',
    'AllowAgentForwarding no',
    'X11Forwarding no',
  ];
  const BAD: readonly (readonly [line: string, id: string])[] = [
    ['PasswordAuthentication yes', 'REACH_SSHD_PASSWORDS'],
    ['KbdInteractiveAuthentication yes', 'REACH_SSHD_PASSWORDS'],
    ['PermitRootLogin yes', 'REACH_SSHD_ROOT_LOGIN'],
    ['PermitRootLogin prohibit-password', 'REACH_SSHD_ROOT_KEYS'],
    ['PermitEmptyPasswords yes', 'REACH_SSHD_EMPTY_PASSWORDS'],
    ['GatewayPorts clientspecified', 'REACH_SSHD_GATEWAY_PORTS'],
    ['AllowTcpForwarding yes', 'REACH_SSHD_FORWARDING'],
    ['AllowStreamLocalForwarding yes', 'REACH_SSHD_SOCKETS'],
    ['AllowAgentForwarding yes', 'REACH_SSHD_AGENT'],
    ['X11Forwarding yes', 'REACH_SSHD_X11'],
    ['Ciphers +aes128-cbc', 'REACH_SSHD_ALGORITHMS'],
  ];
  const account = { uid: 1_000, name: 'gatehouse', groups: [], isMachineRoot: false };

  /** One sshd listens all the time; it is asked what it would do with other files. */
  before(() => sshd.start(GOOD, sshd.publicKey));

  async function findings(lines: readonly string[], user = sshd.user): Promise<readonly string[]> {
    const config = join(sshd.folder, 'asked_config');
    const own = [`Port ${sshd.port}`, `HostKey ${join(sshd.folder, 'host')}`];
    writeFileSync(config, `${[...own, ...lines].join('\n')}\n`);
    // `sshd -T` needs keys that it may read, and not to be root; both hold for this file.
    const facts = await measureSshd(user, true, { programs: ['/usr/sbin/sshd'], config });
    assert.equal(facts.source, 'asked');
    assert.equal(facts.views.length, 2);
    return checkReach({ sshd: facts, account }).map(({ id }) => id);
  }

  test('finds nothing in settings that are as recommended, and each that is not', async () => {
    assert.deepEqual(await findings(GOOD), []);
    for (const [line, id] of BAD) assert.deepEqual(await findings([line, ...GOOD]), [id], line);
  });

  test('sees what holds for one account only', async () => {
    const match = [...GOOD, 'Match User somebody', '  PasswordAuthentication yes'];
    assert.deepEqual(await findings(match, 'somebody'), ['REACH_SSHD_PASSWORDS']);
    assert.deepEqual(await findings(match, 'another'), []);
  });

  test('takes the block that tunnel print recommends for good', async () => {
    const { match } = await printed('command');
    assert.deepEqual(await findings([...GOOD, ...match]), []);
  });

  test('an sshd that cannot start, and one that nobody can connect to, are not taken for good ones', async () => {
    await sshd.start(GOOD, sshd.publicKey);
    copyFileSync(sshd.config, `${sshd.config}.bad`);
    writeFileSync(`${sshd.config}.bad`, `${readFileSync(sshd.config, 'utf8')}\nNoSuchKey yes\n`);
    const places = { programs: ['/usr/sbin/sshd'], config: `${sshd.config}.bad` };
    const read = await measureSshd(sshd.user, true, places);
    assert.equal(read.source, 'read');
    assert.deepEqual(
      checkReach({ sshd: read, account }).map(({ id }) => id),
      ['REACH_SSHD_NOT_ASKED'],
    );
    await sshd.stop();
    const none = await measureSshd(sshd.user, true, { programs: ['/usr/sbin/sshd'], config: sshd.config });
    assert.equal(none.views.length, 0);
  });

  test('the command itself reports it, from the files or from sshd as the account may', async () => {
    await sshd.start(['PermitRootLogin yes', 'PasswordAuthentication yes'], sshd.publicKey);
    const inside = join(sshd.folder, 'home');
    mkdirSync(inside, { mode: 0o700 });
    const { fileURLToPath } = await import('node:url');
    const entry = fileURLToPath(new URL('../../bin/gatehouse.mjs', import.meta.url));
    const child = sshd.run([
      'bwrap',
      '--bind',
      '/',
      '/',
      '--dev-bind',
      '/dev',
      '/dev',
      '--ro-bind',
      sshd.config,
      '/etc/ssh/sshd_config',
      '--setenv',
      'GATEHOUSE_HOME',
      inside,
      '--setenv',
      'HOME',
      inside,
      '--',
      process.execPath,
      entry,
      'doctor',
      '--json',
    ]);
    let stdout = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    const [code] = await once(child, 'close');
    assert.equal(code, 5);
    const ids = (JSON.parse(stdout) as { findings: { id: string }[] }).findings.map(({ id }) => id);
    assert.ok(ids.includes('REACH_SSHD_ROOT_LOGIN') && ids.includes('REACH_SSHD_PASSWORDS'), ids.join(' '));
  });
});
