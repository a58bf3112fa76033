import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Engine } from './engine.ts';
import { pinnedImage, recordedImage } from './images.ts';
import { createImageBuilder } from './index.ts';
import { podman } from './testing/engines.ts';

const engine = podman();
const base = mkdtempSync(join(tmpdir(), 'gatehouse-setup-'));
const record = join(base, 'images.json');
const { program, env } = engine;
const common = { stage: join(base, 'stage'), record, env, program, now: () => 0 };
const never = new AbortController().signal;
after(async () => {
  rmSync(base, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

test('an image is made of an archive, written down by its content, and not made again', async () => {
  mkdirSync(join(base, 'root'));
  writeFileSync(join(base, 'root', 'marker'), String(process.pid));
  const archive = join(base, 'image.tar');
  execFileSync('tar', ['-C', join(base, 'root'), '-cf', archive, '.']);
  const builder = createImageBuilder(common);
  const planned = await builder.plan({ backend: 'podman', archive });
  assert.equal(planned.ready, null);
  assert.match(planned.steps.join('\n'), /image\.tar[^]*import[^]*digest/);
  assert.equal(existsSync(record), false, 'a plan changes nothing');
  const { name, id } = await builder.build({ backend: 'podman', archive }, never);
  assert.match(id, /^sha256:[0-9a-f]{64}$/);
  assert.deepEqual(builder.recorded('podman')?.id, id);
  assert.equal(recordedImage(record, 'docker'), undefined);
  assert.equal(pinnedImage(record, 'podman', undefined)?.id, id);
  assert.equal(pinnedImage(record, 'podman', name)?.id, id);
  await new Engine('podman', program, env).ask(['rmi', '--force', id]);
});

test('sandbox/image by a name that may change its meaning: refused', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  for (const name of [
    'debian',
    'debian:latest',
    `debian@${digest.slice(0, -1)}`,
    `--privileged@${digest}`,
    '',
    'sha256:x',
  ])
    assert.equal(pinnedImage(record, 'docker', name), undefined, name);
  assert.equal(
    pinnedImage(record, 'docker', `registry.example/debian@${digest}`)?.id,
    `registry.example/debian@${digest}`,
  );
  assert.equal(pinnedImage(record, 'docker', undefined), undefined);
  writeFileSync(join(base, 'bad.json'), '{"podman":{"id":"latest"},"__proto__":1');
  assert.equal(pinnedImage(join(base, 'bad.json'), 'podman', undefined), undefined);
});

test('sandbox setup/packages that are options, other backends, missing programs: refused with what to do', async () => {
  const builder = createImageBuilder(common);
  const refused = { code: 'SANDBOX_SETUP_REFUSED' };
  for (const name of ['--foreign', 'a b', 'x,y', 'UPPER', ''])
    await assert.rejects(builder.plan({ backend: 'podman', packages: [name] }), refused, name);
  await assert.rejects(builder.plan({ backend: 'bubblewrap' }), refused);
  const bare = createImageBuilder({ ...common, programDirs: ['/nonexistent'] });
  await assert.rejects(bare.build({ backend: 'podman' }, never), (error: { code: string; fix: string }) => {
    assert.equal(error.code, 'SANDBOX_SETUP_REFUSED');
    assert.match(error.fix, /apt-get install debootstrap[^]*sudo debootstrap --variant=minbase/);
    return true;
  });
  const none = createImageBuilder({
    stage: common.stage,
    record,
    env,
    now: () => 0,
    programDirs: ['/nonexistent'],
  });
  await assert.rejects(none.plan({ backend: 'docker' }), { code: 'SANDBOX_UNAVAILABLE' });
});
