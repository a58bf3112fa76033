import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import type { Mount } from '../../kernel/index.ts';
import {
  checkMounts,
  checkSource,
  forbiddenTrees,
  insideMounts,
  isPlainPath,
  MAX_MOUNTS,
  openSource,
} from './mounts.ts';

const FORBIDDEN = forbiddenTrees('/home/ann', ['/home/ann/.gatehouse/state', '/home/ann/.gatehouse/keys']);
const base = realpathSync(mkdtempSync(join(tmpdir(), 'gatehouse-mounts-')));
after(() => rmSync(base, { recursive: true, force: true }));

const refused = { code: 'SANDBOX_MOUNT_REFUSED' };
const mount = (source: string, target: string): Mount => ({ source, target, mode: 'rw' });

for (const source of [
  '/',
  '/etc',
  '/etc/ssl',
  '/root',
  '/root/.ssh',
  '/home',
  '/home/ann',
  '/home/bob',
  '/home/bob/.aws',
  '/home/bob/.config/gcloud',
  '/home/ann/.ssh/id_ed25519',
  '/home/ann/.config',
  '/home/ann/.docker',
  '/home/ann/.kube/config',
  '/home/ann/.gatehouse',
  '/home/ann/.gatehouse/state',
  '/home/ann/.gatehouse/keys/ledger.pem',
  '/srv/backup/.ssh',
  '/proc',
  '/proc/1/root',
  '/sys/fs/cgroup',
  '/dev',
  '/run',
  '/run/user/1000/bus',
  '/var/run/docker.sock',
  '/var/lib/docker/volumes',
  '/var',
  '/tmp',
  '/tmp/ssh-XXXX/agent.12',
  '/tmp/.X11-unix',
  '/usr',
])
  test(`sandbox/mount of ${source}: refused`, () => {
    assert.throws(() => checkSource(source, FORBIDDEN), refused);
  });

test('a project directory, also one below a home or the gateway home, may be mounted', () => {
  for (const source of [
    '/home/ann/project',
    '/home/ann/.gatehouse/workspaces/main',
    '/srv/logs',
    '/root/code',
  ])
    checkSource(source, FORBIDDEN);
});

test('sandbox/mount source that is relative, has dots, doubled or trailing slashes or NUL: refused', () => {
  for (const source of ['srv', './srv', '/srv/../etc', '/srv/./x', '//srv', '/srv/', '/srv\0/x', ''])
    assert.throws(() => checkSource(source, FORBIDDEN), refused, source);
});

test('whatever lies in a forbidden tree, or holds one, is refused however deep', () => {
  const name = fc.stringMatching(/^[a-z0-9._-]{1,8}$/).filter((text) => text !== '.' && text !== '..');
  fc.assert(
    fc.property(
      fc.constantFrom(...FORBIDDEN),
      fc.array(name, { maxLength: 4 }),
      fc.nat(8),
      (tree, below, up) => {
        assert.throws(() => checkSource([tree, ...below].join('/'), FORBIDDEN), refused);
        const above = tree
          .split('/')
          .slice(0, -1 - up)
          .join('/');
        assert.throws(() => checkSource(above === '' ? '/' : above, FORBIDDEN), refused);
      },
    ),
  );
});

test('sandbox/mount target outside workspace, mnt and data: refused', () => {
  for (const target of [
    '/',
    '/usr/bin',
    '/etc',
    '/opt/gatehouse',
    '/workspaces',
    '/tmp/x',
    '/mnt/../etc',
    '/run/gatehouse',
  ])
    assert.throws(() => checkMounts([mount('/srv/a', target)], FORBIDDEN), refused, target);
});

test('sandbox/mount target inside another mount: refused', () => {
  assert.throws(
    () => checkMounts([mount('/srv/a', '/workspace'), mount('/srv/b', '/workspace/b')], FORBIDDEN),
    refused,
  );
  assert.throws(
    () => checkMounts([mount('/srv/a', '/mnt/a/b'), mount('/srv/b', '/mnt/a')], FORBIDDEN),
    refused,
  );
  assert.throws(() => checkMounts([mount('/srv/a', '/data'), mount('/srv/b', '/data')], FORBIDDEN), refused);
  checkMounts([mount('/srv/a', '/mnt/a'), mount('/srv/b', '/mnt/ab')], FORBIDDEN);
});

test('as many mounts as allowed are taken, and one more is refused', () => {
  const many = Array.from({ length: MAX_MOUNTS }, (_, index) => mount('/srv/a', `/mnt/${index}`));
  checkMounts(many, FORBIDDEN);
  assert.throws(() => checkMounts([...many, mount('/srv/a', '/data')], FORBIDDEN), refused);
});

test('sandbox/mount through a link, last or in between: refused', () => {
  const real = join(base, 'real', 'deep');
  mkdirSync(real, { recursive: true });
  symlinkSync(real, join(base, 'last'));
  symlinkSync(join(base, 'real'), join(base, 'between'));
  closeSync(openSource(real, 'tree'));
  assert.throws(() => openSource(join(base, 'last'), 'tree'), refused);
  assert.throws(() => openSource(join(base, 'between', 'deep'), 'tree'), refused);
  assert.throws(() => openSource(join(base, 'missing'), 'tree'), refused);
});

test('sandbox/mount of a socket or a device: refused', async () => {
  const path = join(base, 'agent.sock');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  assert.throws(() => openSource(path, 'tree'), refused);
  closeSync(openSource(path, 'socket'));
  assert.throws(() => openSource('/dev/null', 'tree'), refused);
  const file = join(base, 'file');
  writeFileSync(file, '');
  assert.throws(() => openSource(file, 'socket'), refused);
  closeSync(openSource(file, 'tree'));
  server.close();
});

test('a working directory is inside a mount, in /tmp, or the root', () => {
  const mounts = [mount('/srv/a', '/workspace')];
  for (const cwd of ['/', '/tmp', '/tmp/x', '/workspace', '/workspace/a/b'])
    assert.ok(insideMounts(cwd, mounts), cwd);
  for (const cwd of ['/etc', '/workspaces', 'workspace', '/workspace/../etc', '/workspace/'])
    assert.ok(!insideMounts(cwd, mounts), cwd);
});

test('a plain path is what normalising leaves alone', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '..', '.', '', 'b c')), (parts) => {
      const path = `/${parts.join('/')}`;
      const plain = !parts.some((part) => part === '..' || part === '.' || part === '');
      assert.equal(isPlainPath(path), plain || path === '/');
    }),
  );
});
