import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SandboxFixture } from '../sandbox/testing/fixture.ts';
import { Engine } from './engine.ts';
import { createOciSandbox } from './index.ts';
import { podman } from './testing/engines.ts';

const engine = podman();
const { program, env, image } = engine;
const fixtures: SandboxFixture[] = [];
after(async () => {
  for (const name of await ours()) await new Engine('podman', program, env).remove(name);
  for (const fixture of fixtures) fixture[Symbol.dispose]();
  await engine[Symbol.asyncDispose]();
});

function fixture(warm: { readonly containers: number; readonly idleMs: number }): SandboxFixture {
  const made = new SandboxFixture((places) =>
    createOciSandbox({ ...places, engine: 'podman', program, env, image: () => image, warm }),
  );
  fixtures.push(made);
  return made;
}

async function ours(): Promise<readonly string[]> {
  const answer = await new Engine('podman', program, env).ask([
    'ps',
    '--all',
    '--format',
    '{{.Names}} {{.Status}}',
  ]);
  return answer.out.split('\n').flatMap((line) => /^(gatehouse-\S+) Up/.exec(line)?.[1] ?? []);
}

async function until(count: number): Promise<readonly string[]> {
  for (const deadline = Date.now() + 30_000; ; ) {
    const names = await ours();
    if (names.length === count) return names;
    assert.ok(Date.now() < deadline, `${names.length} containers instead of ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a container that nobody wants is gone after its time', async () => {
  const warm = fixture({ containers: 1, idleMs: 1_500 });
  await warm.sh('true');
  await until(1);
  await until(0);
});

test('a container that waits serves one run of the same scope and plan, and no other', async () => {
  const warm = fixture({ containers: 2, idleMs: 60_000 });
  assert.equal((await warm.sh('echo one; touch /tmp/left')).out, 'one\n');
  const [first] = await until(1);
  const again = await warm.sh('ls -A /tmp; cat; echo two', { stdin: Buffer.from('in ') });
  assert.equal(again.out, 'in two\n');
  const [second] = await until(1);
  assert.notEqual(second, first, 'a container was used twice');
  assert.equal((await warm.sh('echo three', { scope: 'other' })).out, 'three\n');
  assert.ok((await until(2)).includes(second ?? ''), 'another scope took the container');
  assert.equal((await warm.sh('echo four', { mounts: [{ ...warm.mount, mode: 'ro' }] })).out, 'four\n');
  await until(2);
});

test('a gateway that stops leaves no container behind: none that waits, and none that is being started', async () => {
  for (const { sandbox } of fixtures) await sandbox.close?.();
  await until(0);
  const every = () => new Engine('podman', program, env).ask(['ps', '--all', '--format', '{{.Names}}']);
  const before = (await every()).out.split('\n');
  const warm = fixture({ containers: 2, idleMs: 60_000 });
  await warm.sh('true');
  await until(1);
  // The answer of this run is there while its successor is still being started.
  await warm.sh('true', { scope: 'other' });
  await warm.sandbox.close?.();
  assert.deepEqual(await ours(), []);
  await assert.rejects(warm.sh('true'), { code: 'SANDBOX_UNAVAILABLE' });
  assert.deepEqual(
    (await every()).out.split('\n').filter((name) => !before.includes(name)),
    [],
  );
});
