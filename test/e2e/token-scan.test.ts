import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { runCli, startGateway, type TestGateway } from '../fixtures/gateway.ts';
import { operate, records } from '../fixtures/operator.ts';

interface Scan {
  readonly findings: readonly {
    readonly status: string;
    readonly name: string | null;
    readonly why: string | null;
    readonly member: readonly string[];
    readonly line: number | null;
  }[];
  readonly complete: boolean;
}

let gateway: TestGateway;
let folder: string;
const issued: Record<string, string> = {};

before(async () => {
  gateway = await startGateway();
  folder = mkdtempSync(join(tmpdir(), 'gh-found-'));
  for (const name of ['live', 'old', 'gone', 'inside'])
    issued[name] = await gateway.issueToken(name, ['operator.read']);
});

after(async () => {
  await gateway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function put(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

async function scan(...args: readonly string[]) {
  const result = await gateway.cli(['token', 'scan', '--json', ...args]);
  return { ...result, scan: result.json as Scan };
}

const secretOf = (token = '') => token.split('_')[2] ?? '';

describe('token scan', () => {
  test('tells live tokens from retired ones, names every place and fails while one is live', async () => {
    await gateway.cli(['token', 'revoke', 'gone']);
    await gateway.cli(['token', 'rotate', 'old', '--ticket', 'T-1']);
    await gateway.cli(['token', 'rotate', 'old', '--now']);
    const lines = ['ls', `curl -H 'Authorization: Bearer ${issued['live']}'`, `export A=${issued['old']}`];
    put('a/.bash_history', lines.join('\n'));
    put('a/.env', `TOKEN=${issued['gone']}`);
    put('a/backup.tar.gz', gzipSync(execFileSync('tar', ['-C', join(folder, 'a'), '-c', '.env'])));
    const { code, scan: found, stdout, stderr } = await scan(join(folder, 'a'));
    assert.equal(code, 5);
    const seen = found.findings.map(({ status, name, why, member, line }) => [
      status,
      name,
      why,
      ...member,
      line,
    ]);
    assert.deepEqual(
      seen.sort(),
      [
        ['live', 'live', null, 2],
        ['retired', 'old', 'rotated', 3],
        ['retired', 'gone', 'revoked', 1],
        ['retired', 'gone', 'revoked', '.env', 1],
      ].sort(),
    );
    for (const token of Object.values(issued)) assert.ok(!`${stdout}${stderr}`.includes(secretOf(token)));
  });

  test('a person reads who is concerned, where it stands and what to type', async () => {
    const { code, stdout } = await gateway.cli(['token', 'scan', join(folder, 'a')]);
    assert.equal(code, 5);
    assert.match(stdout, /live \(version 1\) +live +plain +\S+\.bash_history:2:32/);
    assert.match(stdout, /Rotate live: \S+ token rotate live /);
  });

  test('a live one raises an alert and stays a finding of the doctor until it is rotated', async () => {
    const alerts = await records(gateway.home, { type: 'alert', action: 'auth.token-exposed' });
    assert.equal(alerts.length, 1);
    assert.equal(alerts[0]?.code, 'AUTH_TOKEN_EXPOSED');
    assert.match(JSON.stringify(alerts[0]?.data), /bash_history:2:32/);
    const exposed = async () => {
      const { findings } = (await operate(gateway.home, 'doctor.run')).result as {
        findings: { id: string; title: string; fix: string }[];
      };
      return findings.filter(({ id }) => id === 'auth.token-exposed');
    };
    const [finding, ...more] = await exposed();
    assert.equal(more.length, 0);
    assert.match(finding?.title ?? '', /live \(version 1\) was found in .*bash_history/);
    assert.match(finding?.fix ?? '', /gatehouse token rotate live /);
    await gateway.cli(['token', 'rotate', 'live', '--ticket', 'T-2']);
    await gateway.cli(['token', 'rotate', 'live', '--now']);
    assert.deepEqual(await exposed(), []);
    const { code, scan: again } = await scan(join(folder, 'a'));
    assert.equal(code, 0);
    assert.ok(again.findings.every(({ status }) => status === 'retired'));
  });

  test('a token of another install is unknown, and no reason to fail', async () => {
    const other = 'gth_aaaaaaaaaaaaaaaa_0000000000000000000000000000000000000000000_';
    const { crc32 } = await import('node:zlib');
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    let sum = '';
    for (let left = crc32(other.slice(0, -1)); sum.length < 6; left = Math.floor(left / 62))
      sum = digits.charAt(left % 62) + sum;
    const { code, scan: found } = await scan(put('other', other + sum));
    assert.deepEqual([code, found.findings.map(({ status }) => status)], [0, ['unknown']]);
  });

  test('what could not be looked at makes it fail, also without a token', async () => {
    const { code, scan: found } = await scan(put('x.xz', Buffer.from('fd377a585a000004', 'hex')));
    assert.deepEqual([code, found.complete], [1, false]);
    assert.equal((await scan(join(folder, 'nobody'))).code, 1);
    assert.equal((await scan()).code, 2);
  });

  test('it runs without a gateway, on the home', async () => {
    await using other = await startGateway();
    const token = await other.issueToken('mine', ['operator.read']);
    await other.stop();
    const { code } = await other.cli(['token', 'scan', put('offline', token)]);
    assert.equal(code, 5);
  });
});

describe('refusals', () => {
  test('auth/a scan by a token without administration: refused before a file is read', async () => {
    const reader = await gateway.issueToken('reader', ['operator.read']);
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const env = { GATEHOUSE_URL: gateway.url, GATEHOUSE_TOKEN: reader };
    const { code, stderr } = await runCli(
      gateway.home,
      ['token', 'scan', put('live', issued['inside'] ?? '')],
      { env },
    );
    assert.equal(code, 3);
    assert.match(stderr, /AUTH_SCOPE_MISSING/);
    const alerts = await records(gateway.home, { type: 'alert', action: 'auth.token-exposed' });
    assert.ok(!JSON.stringify(alerts).includes(join(folder, 'live')));
    const denied = await records(gateway.home, { code: 'AUTH_SCOPE_MISSING' });
    assert.equal(denied.at(-1)?.data?.['operation'], 'token.identify');
  });

  test('auth/the gateway made to read a path of the host: refused, there is no such input', async () => {
    const digest = '0'.repeat(64);
    for (const input of [
      { paths: ['/etc/shadow'] },
      { found: [{ digest, path: '/etc/shadow' }] },
      { found: ['/etc/shadow'] },
      { found: [{ digest: '/etc/shadow' }] },
    ]) {
      const { error } = await operate(gateway.home, 'token.identify', input);
      assert.equal(error.code, 'OP_INPUT_INVALID');
    }
    // A place is a text: a pipe that nobody writes to would never answer a reader.
    const place = join(folder, 'fifo');
    const { ok, result } = await operate(gateway.home, 'token.identify', { found: [{ digest, place }] });
    assert.deepEqual([ok, result['tokens']], [true, []]);
  });

  test('auth/a place that carries control characters or a token: kept out of terminals and records', async () => {
    const { createHash } = await import('node:crypto');
    const digest = createHash('sha256')
      .update(issued['inside'] ?? '')
      .digest('hex');
    const place = `\u001b]0;owned\u0007/tmp/\u202e${issued['inside']}\r\nroot logged in`;
    await operate(gateway.home, 'token.identify', { found: [{ digest, place }] });
    const raw = readFileSync(join(gateway.home, 'logs', 'gateway.log'), 'utf8');
    assert.ok(!raw.includes(secretOf(issued['inside'])));
    assert.ok(!raw.includes('\u001b'));
    for (const command of [['alerts', 'list'], ['doctor']]) {
      const { stdout } = await gateway.cli(command);
      assert.match(stdout, /inside/);
      assert.doesNotMatch(stdout, /[\u001b\u0007\u202e]/);
      assert.ok(!stdout.includes(secretOf(issued['inside'])), command.join(' '));
    }
    const state = readFileSync(join(gateway.home, 'state', 'state.db')).toString('latin1');
    assert.ok(!state.includes(secretOf(issued['inside'])));
  });
});
