import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DEEP_PROBES } from '../../src/controls/listen/index.ts';
import { certificateAuthority } from '../fixtures/certificates.ts';
import { runCli, startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';

interface Audit {
  readonly findings: readonly { readonly id: string; readonly title: string; readonly found: string }[];
  readonly deep: {
    readonly attempts: number;
    readonly listeners: readonly string[];
    readonly sources: readonly string[];
  } | null;
}

let home: string;
let gateway: TestGateway;

const audit = async (input: object) =>
  (await operate(home, 'security.audit', input)).result as unknown as Audit;
const deepIds = ({ findings }: Audit) =>
  [...new Set(findings.map(({ id }) => id).filter((id) => id.startsWith('DEEP_')))].sort();

before(async () => {
  home = temporaryHome();
  const config = {
    gateway: {
      allowedHosts: ['evil.example', 'localhost.evil.example'],
      controlUi: { allowedOrigins: ['https://evil.example'] },
    },
  };
  writeFileSync(join(home, 'gatehouse.json'), JSON.stringify(config), { mode: 0o600 });
  gateway = await startGateway({ home });
});

after(async () => {
  await gateway.stop();
  await removeHome(home);
});

test('audit/of an install that believes a hostile origin and a rebound name: found at the live listener', async () => {
  const report = await audit({ deep: true });
  assert.deepEqual(deepIds(report), ['DEEP_HOST', 'DEEP_ORIGIN']);
  assert.ok(report.findings.some(({ id, title }) => id === 'DEEP_ORIGIN' && title.includes('WebSocket')));
  assert.ok((report.deep?.attempts ?? 0) >= DEEP_PROBES.length);
  assert.deepEqual([...(report.deep?.sources ?? [])].sort(), ['::1', 'loopback']);
});

test('audit/once the settings are right: nothing is found, each attempt was refused and is on record', async () => {
  await operate(home, 'config.set', { path: 'gateway.allowedHosts', value: null, reason: 't' });
  await operate(home, 'config.set', { path: 'gateway.controlUi', value: null, reason: 't' });
  const before_ = (await records(home, { type: 'login', action: 'login.refused' })).length;
  const report = await audit({ deep: true });
  assert.deepEqual(deepIds(report), []);
  const refused = await records(home, { type: 'login', action: 'login.refused' });
  assert.ok(refused.length > before_ + 3, String(refused.length));
  const codes = new Set(refused.map(({ code }) => code));
  for (const code of ['LISTEN_ORIGIN_NOT_ALLOWED', 'LISTEN_HOST_NOT_ALLOWED', 'LISTEN_PROXY_NOT_TRUSTED'])
    assert.ok(codes.has(code), code);
  const done = (await records(home, { type: 'drill', action: 'audit.deep' })).at(-1);
  assert.equal(done?.outcome, 'success');
});

test('audit/by this machine, many times: locks nobody out who comes from its usual address', async () => {
  for (let n = 0; n < 3; n++) await audit({ deep: true });
  const token = await gateway.issueToken('honest', ['operator.read']);
  const answer = await fetch(`${gateway.url}/api/v1/health.get`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  });
  assert.equal(answer.status, 200);
});

test('audit/a TLS listener: old versions and plain requests are refused', async () => {
  const plain = (await audit({ deep: true })).deep?.attempts ?? 0;
  using ca = certificateAuthority();
  const own = ca.issue('localhost', 'server');
  writeFileSync(join(home, 'cert.pem'), own.certificate, { mode: 0o600 });
  writeFileSync(join(home, 'key.pem'), own.key, { mode: 0o600 });
  const set = await operate(home, 'config.set', {
    path: 'gateway.tls',
    value: { enabled: true, certPath: join(home, 'cert.pem'), keyPath: join(home, 'key.pem') },
    reason: 't',
  });
  assert.equal(set.ok, true, set.error?.message);
  // The listener changes beside the answer; with TLS there is more to try.
  let report = await audit({ deep: true });
  const more = () => (report.deep?.attempts ?? 0) > plain;
  await until(async () => more() || ((report = await audit({ deep: true })), more()), 'no listener with TLS');
  assert.deepEqual(deepIds(report), []);
});

test('audit/--deep without a running gateway: refused with a code', async () => {
  await gateway.stop();
  const refused = await runCli(home, ['security', 'audit', '--deep', '--json']);
  assert.equal((JSON.parse(refused.stderr) as { error: { code: string } }).error.code, 'DEEP_NOT_RUNNING');
  const plain = await runCli(home, ['security', 'audit', '--json']);
  assert.equal((plain.json as Audit).deep, null);
});
