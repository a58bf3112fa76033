import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { checkCertificates } from './certificates.ts';
import { tlsMaterial } from './tls.ts';

const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
});
const DAY = 86_400_000;
const paths = { enabled: true, certPath: '/cert', keyPath: '/key' } as const;
const files = (table: Readonly<Record<string, { text: string; mode: number }>>) => (path: string) =>
  table[path];

test('listen/TLS without files, without what belongs together, or with files that hold something else: refused', () => {
  const code = 'LISTEN_TLS_INVALID';
  const key = { text: String(KEY), mode: 0o600 };
  assert.throws(() => tlsMaterial({ enabled: true }, files({})), { code });
  assert.throws(() => tlsMaterial({ ...paths, clientAuth: 'required' }, files({})), { code });
  assert.throws(() => tlsMaterial(paths, files({ '/key': key })), { code });
  assert.throws(() => tlsMaterial(paths, files({ '/cert': key, '/key': key })), { code });
  assert.equal(tlsMaterial({}, files({})), undefined);
});

test('listen/a private key that others can read: refused before it is used', () => {
  const table = files({ '/cert': { text: 'x', mode: 0o644 }, '/key': { text: String(KEY), mode: 0o640 } });
  assert.throws(() => tlsMaterial(paths, table), { code: 'LISTEN_TLS_KEY_OPEN' });
});

test('a certificate that ends soon is a finding, and worse when it has ended', () => {
  const of = (days: number) =>
    checkCertificates([{ plane: 'users', address: '[::1]:443', expires: days * DAY }], 0);
  assert.deepEqual(of(365), []);
  const [soon] = of(5);
  assert.deepEqual([soon?.id, soon?.severity], ['LISTEN_CERTIFICATE_ENDS', 'high']);
  assert.equal(of(-1)[0]?.severity, 'critical');
});
