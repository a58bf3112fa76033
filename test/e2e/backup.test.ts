import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { type RunningCommand, startCommand } from '../fixtures/command.ts';
import { type CliResult, runCli, temporaryHome } from '../fixtures/gateway.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { allEnded, removeHome } from '../fixtures/processes.ts';

const SECRET = 'sk-backup-0123456789abcdefghij';
const env = { OPENAI_API_KEY: SECRET, CREW_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}` };

let home: string;
let outside: string;
let identity: string;
let key: string;
let gateway: RunningCommand;
let file: string;

interface Backup {
  readonly id: string;
  readonly status: string;
  readonly code: string | null;
  readonly path: string;
}

const cli = (...args: string[]): Promise<CliResult> => runCli(home, args, { env });
const open = (command: 'verify' | 'restore', ...args: string[]) =>
  cli('backup', command, file, '--identity', key, '--json', ...args);
const errorOf = ({ stderr }: CliResult) => (JSON.parse(stderr) as { error: { code: string } }).error.code;
const backups = async () => (await operate(home, 'backup.list')).result['backups'] as readonly Backup[];

/** In a mount namespace of its own, where two folders are a disk of 8 KiB and a disk that cannot be written. */
async function start(): Promise<void> {
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const mounts =
    'mount -t tmpfs -o size=8k,mode=700 tmpfs "$0/tiny" && mount -t tmpfs -o ro,mode=700 tmpfs "$0/frozen" && exec "$@"';
  gateway = startCommand(home, ['gateway', 'run'], {
    env,
    within: ['unshare', ...asRoot, '--mount', 'sh', '-c', mounts, outside],
  });
  await gateway.until(/doctor\n/);
}

async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  await gateway.kill(signal);
  await allEnded(home);
}

before(async () => {
  home = temporaryHome();
  outside = mkdtempSync(join(tmpdir(), 'gh-outside-'));
  for (const name of ['tiny', 'frozen']) mkdirSync(join(outside, name), { mode: 0o700 });
  identity = await generateX25519Identity();
  key = join(outside, 'backup.key');
  writeFileSync(key, `# public key: x\n${identity}\n`, { mode: 0o600 });
  const config = `{
    // kept for whoever reads it next
    channels: { webhook: { accounts: { crew: { secret: '\${CREW_SECRET}' } } } },
    backup: { recipients: ['${await identityToRecipient(identity)}'] },
    models: { providers: { openai: { baseUrl: 'https://api.openai.com/v1', api: 'openai-completions', apiKey: '\${OPENAI_API_KEY}', models: [{ id: 'm', name: 'm', contextWindow: 1000 }] } } },
  }`;
  writeFileSync(join(home, 'gatehouse.json'), config, { mode: 0o600 });
  await start();
});

after(async () => {
  await gateway.kill('SIGTERM');
  await removeHome(home);
  rmSync(outside, { recursive: true, force: true });
});

describe('a backup of a running gateway', () => {
  test('is made while others write, proves itself, and holds no secret', async () => {
    const issued = Array.from({ length: 20 }, (_, n) =>
      operate(home, 'token.issue', { name: `busy-${n}`, scopes: ['operator.read'] }),
    );
    const made = await operate(home, 'backup.create', { reason: 'test' });
    assert.equal(made.ok, true, made.error?.message);
    file = (made.result['backup'] as Backup).path;
    const tokens = (await Promise.all(issued)).map(({ result }) => String(result['token']));

    const verified = await open('verify');
    assert.equal(verified.code, 0, verified.stderr);
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    const plain = gunzipSync(await decrypter.decrypt(readFileSync(file))).toString('latin1');
    assert.ok(plain.includes('kept for whoever reads it next'));
    const privateKeys = readdirSync(join(home, 'keys')).filter((name) => name.endsWith('.key'));
    for (const name of privateKeys) {
      const text = readFileSync(join(home, 'keys', name), 'latin1');
      const line = text.split('\n').find((one) => one !== '' && !one.startsWith('-')) ?? text;
      assert.equal(plain.includes(line), false, name);
    }
    for (const secret of [SECRET, identity, ...tokens]) assert.equal(plain.includes(secret), false);
    assert.equal(existsSync(join(home, 'cache', 'backup', String(made.result['id']))), false);
    const [record] = (await records(home, { type: 'change', action: 'backup.created' })).slice(-1);
    assert.equal(record?.outcome, 'success');
  });

  test('rehearsed: a restore would work, and nothing is left of the rehearsal', async () => {
    const workdir = join(outside, 'work');
    const rehearsed = await open('restore', '--rehearse', '--workdir', workdir);
    assert.equal(rehearsed.code, 0, rehearsed.stderr);
    const report = rehearsed.json as Record<string, unknown>;
    assert.deepEqual(report['configuration'], { loads: true, asRecorded: true, asNow: true });
    assert.equal(report['ledgerNow'], 'continues');
    assert.deepEqual(readdirSync(workdir), []);
  });

  test('backup/restored over a running gateway: refused, and nothing has changed', async () => {
    const refused = await open('restore');
    assert.equal(errorOf(refused), 'BACKUP_GATEWAY_RUNNING');
    assert.equal(existsSync(join(home, 'before-restore')), false);
    assert.equal(existsSync(join(home, '.restore')), false);
  });

  test('backup/opened with a private key that lies in the home: refused', async () => {
    writeFileSync(join(home, 'backup.key'), `${identity}\n`, { mode: 0o600 });
    const refused = await cli('backup', 'verify', file, '--identity', join(home, 'backup.key'), '--json');
    assert.equal(errorOf(refused), 'BACKUP_IDENTITY_IN_HOME');
    rmSync(join(home, 'backup.key'));
  });

  test('backup/made by another install for the same recipient: refused', async () => {
    const other = join(outside, 'other.pub');
    const { generateKeyPairSync } = await import('node:crypto');
    writeFileSync(other, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
    const workdir = join(outside, 'work');
    const refused = await open('restore', '--rehearse', '--key', other, '--workdir', workdir);
    assert.equal(errorOf(refused), 'BACKUP_NOT_AUTHENTIC');
    assert.deepEqual(readdirSync(workdir), []);
  });

  for (const [name, code] of [
    ['tiny', 'BACKUP_NO_SPACE'],
    ['frozen', 'BACKUP_FOLDER_UNUSABLE'],
  ] as const)
    test(`backup/to a disk that is ${name === 'tiny' ? 'full' : 'read-only'}: refused, alerted, and the earlier one stays`, async () => {
      await operate(home, 'config.set', { path: 'backup.folder', value: join(outside, name), reason: 't' });
      const refused = await operate(home, 'backup.create');
      assert.equal(refused.error?.code, code);
      const [last] = await backups();
      assert.deepEqual([last?.status, last?.code], ['failed', code]);
      const alerts = await records(home, { type: 'alert', action: 'backup.failed' });
      assert.equal(alerts.at(-1)?.code, code);
      assert.deepEqual(readdirSync(join(home, 'cache', 'backup')), []);
      await operate(home, 'config.set', { path: 'backup.folder', value: null, reason: 't' });
      assert.equal((await open('verify')).code, 0);
      const { findings } = (await operate(home, 'doctor.run')).result as { findings: { id: string }[] };
      assert.ok(findings.some(({ id }) => id === 'BACKUP_LAST_FAILED'));
    });

  test('backup/into a folder that is a link into the workspaces: refused', async () => {
    const link = join(outside, 'link');
    symlinkSync(join(home, 'workspaces', 'main'), link);
    for (const folder of [link, join(home, 'workspaces', 'main', 'b')]) {
      await operate(home, 'config.set', { path: 'backup.folder', value: folder, reason: 't' });
      const refused = await operate(home, 'backup.create');
      assert.equal(refused.error?.code, 'BACKUP_FOLDER_UNUSABLE', folder);
    }
    await operate(home, 'config.set', { path: 'backup.folder', value: null, reason: 't' });
    assert.deepEqual(readdirSync(join(home, 'workspaces', 'main')), []);
  });

  test('killed in the middle, nothing half is left and the next start says what was cut off', async () => {
    const staging = join(home, 'cache', 'backup');
    void operate(home, 'backup.create').catch(() => undefined);
    await until(() => existsSync(staging) && readdirSync(staging).length > 0, 'no backup begins');
    await stop('SIGKILL');
    await start();
    const [last] = await backups();
    assert.equal(last?.status, 'failed');
    assert.equal(existsSync(staging) && readdirSync(staging).length > 0, false);
    assert.deepEqual(
      readdirSync(join(home, 'backups')).filter((name) => name.endsWith('.partial')),
      [],
    );
    const [repaired] = (await records(home, { type: 'change', action: 'backup.repaired' })).slice(-1);
    assert.equal(repaired?.data?.['id'], last?.id);
  });
});

describe('a restore', () => {
  test('keeps the newer ledger and everything that was there, and brings nothing back that was revoked', async () => {
    const issued = await operate(home, 'token.issue', { name: 'victim', scopes: ['operator.read'] });
    const person = await operate(home, 'principal.add', {
      name: 'leaver',
      kind: 'person',
      owner: 'ops',
      scopes: ['operator.read'],
    });
    assert.ok(issued.ok && person.ok, person.error?.message);
    const grant = await operate(home, 'grant.add', {
      kind: 'net.connect',
      match: ['host=example.com', 'port=443'],
      ticket: 'T-1',
      reason: 'test',
      forMs: 3_600_000,
    });
    const { id: grantId } = grant.result['grant'] as { id: string };
    const answering = { name: 'answers', kind: 'person', owner: 'ops', scopes: ['operator.approvals'] };
    const phone = { principal: 'answers', chat: 'webhook/crew/4711' };
    const standing = {
      name: 'nightly',
      agent: 'main',
      pattern: 'git status',
      reason: 'for the test',
      for: '1d',
    };
    const sender = { channel: 'webhook', account: 'crew', sender: '4712' };
    for (const [operation, input] of [
      ['principal.add', answering],
      ['principal.bind', phone],
      ['standing.add', standing],
      ['senders.allow', sender],
    ] as const) {
      const answer = await operate(home, operation, input);
      assert.ok(answer.ok, `${operation}: ${answer.error?.message}`);
    }
    const made = await operate(home, 'backup.create');
    file = (made.result['backup'] as Backup).path;
    await operate(home, 'token.revoke', { token: 'victim' });
    await operate(home, 'principal.disable', { principal: 'leaver' });
    assert.ok((await operate(home, 'grant.revoke', { id: grantId })).ok);
    assert.ok((await operate(home, 'principal.unbind', phone)).ok);
    assert.ok((await operate(home, 'standing.revoke', { name: 'nightly' })).ok);
    assert.ok((await operate(home, 'senders.block', sender)).ok);
    await operate(home, 'config.set', { path: 'logging.level', value: 'debug', reason: 'after the backup' });
    const before = (await operate(home, 'ledger.verify')).result['records'] as number;
    await stop();

    const restored = await open('restore', '--reason', 'test');
    assert.equal(restored.code, 0, restored.stderr);
    const report = restored.json as { ledger: string; aside: string };
    assert.equal(report.ledger, 'kept');
    assert.ok(existsSync(join(report.aside, 'state', 'state.db')));
    await start();
    const verified = (await operate(home, 'ledger.verify')).result as { ok: boolean; records: number };
    assert.equal(verified.ok, true);
    assert.ok(verified.records > before);
    assert.equal((await operate(home, 'config.get', { path: 'logging.level' })).result['value'], 'info');
    const tokens = (await operate(home, 'token.list')).result['tokens'] as {
      name: string;
      revokedAt: unknown;
    }[];
    assert.notEqual(tokens.find(({ name }) => name === 'victim')?.revokedAt, null, 'the token is back');
    const { principals } = (await operate(home, 'principal.list')).result as {
      principals: { name: string; disabledAt: unknown }[];
    };
    assert.notEqual(
      principals.find(({ name }) => name === 'leaver')?.disabledAt,
      null,
      'the principal is back',
    );
    const people = JSON.stringify((await operate(home, 'principal.list')).result);
    assert.ok(!people.includes('4711'), 'a chat account stands for its principal again');
    const { standing: standings } = (await operate(home, 'standing.list')).result as {
      standing: { name: string; revokedAt: unknown }[];
    };
    assert.equal(
      typeof standings.find(({ name }) => name === 'nightly')?.revokedAt,
      'number',
      'it stands again',
    );
    const { senders } = (await operate(home, 'senders.list')).result as {
      senders: { sender: string; status: string }[];
    };
    assert.equal(
      senders.find((one) => one.sender === '4712')?.status,
      'blocked',
      'the sender is let in again',
    );
    const granted = (await operate(home, 'grant.list')).result['grants'] as { id: string; status: string }[];
    assert.equal(
      granted.some(({ id, status }) => id === grantId && status === 'active'),
      false,
    );
    const [record] = (await records(home, { type: 'change', action: 'backup.restored' })).slice(-1);
    assert.equal(record?.data?.['reason'], 'test');
  });

  test('into an empty home proves the past with the old key and makes a new one', async () => {
    const empty = join(outside, 'empty');
    const pub = join(outside, 'ledger.pub');
    writeFileSync(pub, readFileSync(join(home, 'keys', 'ledger.pub')));
    const arguments_ = ['backup', 'restore', file, '--identity', key, '--json'];
    const without = await runCli(empty, arguments_, { env });
    assert.equal(errorOf(without), 'BACKUP_KEY_MISSING');
    const restored = await runCli(empty, [...arguments_, '--key', pub], { env });
    assert.equal(restored.code, 0, restored.stderr);
    const verified = await runCli(empty, ['ledger', 'verify', '--json'], { env });
    assert.equal((verified.json as { ok: boolean }).ok, true, verified.stdout);
    const validated = await runCli(empty, ['config', 'validate', '--json'], { env });
    assert.equal((validated.json as { ok: boolean }).ok, true);
  });
});
