import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type RunningCommand, startCommand } from '../fixtures/command.ts';
import { runCli, temporaryHome } from '../fixtures/gateway.ts';
import { records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';

let home: string;
let other: string;
let gateway: RunningCommand;

const cli = (...args: string[]) => runCli(home, args);

async function start(): Promise<RunningCommand> {
  const started = startCommand(home, ['gateway', 'run']);
  await started.until(/doctor\n/);
  return started;
}

before(async () => {
  home = temporaryHome();
  other = temporaryHome();
  gateway = await start();
});

after(async () => {
  await gateway.kill('SIGTERM');
  await removeHome(home);
  await removeHome(other);
});

describe('drift', () => {
  test('trace/a comparison without a baseline: refused with what to do', async () => {
    const run = await cli('drift', 'check');
    assert.equal(run.code, 1);
    assert.match(run.stderr, /DRIFT_NO_BASELINE/);
  });

  test('an install is as approved right after it was approved', async () => {
    assert.equal((await cli('drift', 'baseline', '--ticket', 'OPS-1', '--reason', 'reviewed')).code, 0);
    const run = await cli('drift', 'check');
    assert.equal(run.code, 0, run.stdout + run.stderr);
    assert.match(run.stdout, /As approved/);
  });

  test('a token and a setting that nobody approved are named, exit 5, recorded and alerted', async () => {
    assert.equal((await cli('token', 'issue', 'stray', '--scopes', 'operator.admin')).code, 0);
    assert.equal((await cli('config', 'set', 'tools.deny', '["shell"]')).code, 0);
    const run = await cli('drift', 'check', '--json');
    assert.equal(run.code, 5, run.stderr);
    const { differences } = JSON.parse(run.stdout) as {
      differences: readonly { section: string; name: string; before: string | null }[];
    };
    assert.ok(
      differences.some(
        ({ section, name, before: was }) => section === 'tokens' && name.startsWith('stray') && was === null,
      ),
    );
    assert.ok(differences.some(({ section, name }) => section === 'permissions' && name === 'main'));
    // Not only that something is different: the rule itself, and the file that says it.
    assert.ok(
      differences.some(
        ({ section, name }) => section === 'permissions' && name.startsWith('main, ceiling: '),
      ),
    );
    assert.ok(
      differences.some(({ section, name }) => section === 'files' && name === 'home: gatehouse.json'),
    );
    const written = await records(home, { type: 'alert' });
    assert.ok(written.some(({ action, code }) => action === 'drift.found' && code === 'DRIFT_FOUND'));
  });
});

test('who watches sees a file that nobody has applied within the second look, and when it is as it was', async () => {
  const watch = startCommand(home, ['drift', 'watch', '--every', '1s']);
  await watch.until(/home: gatehouse\.json/);
  mkdirSync(join(home, 'policy'), { recursive: true, mode: 0o700 });
  writeFileSync(join(home, 'policy', 'other.yaml'), 'x', { mode: 0o600 });
  await watch.until(/home: policy\/other\.yaml/);
  rmSync(join(home, 'policy', 'other.yaml'));
  await watch.until(/other\.yaml(?:(?!other)[\s\S])*differences(?:(?!other)[\s\S])*$/);
  assert.equal(await watch.kill('SIGINT'), 0);
});

describe('attestation', () => {
  test('is checked on a machine without the install, with a key that the reader trusts', async () => {
    const made = await cli('attest', '--format', 'json', '--name', 'gate-1');
    assert.equal(made.code, 5, made.stderr);
    const file = join(other, 'posture.json');
    writeFileSync(file, made.stdout);
    const run = await runCli(other, ['attest', 'verify', file, '--key', join(home, 'keys', 'ledger.pub')]);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /The signature holds/);
    assert.match(run.stdout, /Posture of gate-1/);
  });

  test('trace/an attestation that was changed, or signed by somebody else: refused', async () => {
    const made = await cli('attest', '--format', 'json');
    const envelope = JSON.parse(made.stdout) as { payload: string };
    const payload = Buffer.from(envelope.payload, 'base64')
      .toString()
      .replaceAll('"holds":false', '"holds":true');
    const forged = join(other, 'forged.json');
    writeFileSync(forged, JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString('base64') }));
    const key = join(home, 'keys', 'ledger.pub');
    const changed = await runCli(other, ['attest', 'verify', forged, '--key', key]);
    assert.equal(changed.code, 1);
    assert.match(changed.stderr, /ATTEST_SIGNATURE_BAD/);
    const broken = join(other, 'broken.json');
    writeFileSync(broken, '{}');
    assert.match(
      (await runCli(other, ['attest', 'verify', broken, '--key', key])).stderr,
      /ATTEST_FILE_INVALID/,
    );
    assert.match((await runCli(other, ['attest', 'verify', forged])).stderr, /CLI_USAGE.*--key/);
  });

  test('as HTML and PDF is the page that people read', async () => {
    const html = await cli('attest', '--format', 'html');
    assert.match(html.stdout, /^<!doctype html>/);
    assert.match(html.stdout, /Not everything holds/);
    const pdf = await cli('attest', '--format', 'pdf');
    assert.match(pdf.stdout, /^%PDF-1\.4/);
  });

  test('holds no secret of the install', async () => {
    const made = await cli('attest', '--json');
    const text =
      made.stdout +
      Buffer.from(
        (JSON.parse(made.stdout) as { envelope: { payload: string } }).envelope.payload,
        'base64',
      ).toString();
    const key = readFileSync(join(home, 'keys', 'ledger.key'), 'utf8').split('\n')[1] ?? 'none';
    assert.ok(!text.includes(key));
    assert.ok(!/gth_[a-z0-9]{16}_/.test(text));
  });
});

describe('a restart after something has changed', () => {
  test('looks at the baseline by itself and alerts', async () => {
    const told = async () =>
      (await records(home, { type: 'alert' })).filter(({ action }) => action === 'drift.found').length;
    const before = await told();
    await gateway.kill('SIGTERM');
    gateway = await start();
    await until(async () => (await told()) > before, 'nobody was told of the drift');
  });
});
