import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Mount } from '../../../kernel/index.ts';
import { bindingFiles } from './digest.ts';
import { MAX_NAMED_FILES, namedFiles } from './named.ts';
import { MAX_SYMLINKS } from './resolve.ts';

const SECRET = 'outside the workspace';

interface Home extends AsyncDisposable {
  readonly workspace: string;
  readonly outside: string;
  readonly mounts: readonly Mount[];
}

async function makeHome(): Promise<Home> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'gatehouse-files-')));
  const workspace = join(root, 'workspace');
  const outside = join(root, 'outside');
  await mkdir(workspace);
  await mkdir(outside);
  await writeFile(join(outside, 'secret'), SECRET);
  return {
    workspace,
    outside,
    mounts: [{ source: workspace, target: '/workspace', mode: 'rw' }],
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function only(path: string): { certain: string[]; possible: string[] } {
  return { certain: [path], possible: [] };
}

test('a line names what it redirects, its programs and every word that may be a path', () => {
  const { certain, possible } = namedFiles("sh ./build.sh --out=dist/x -fmk @list 'a b' > log", '/workspace');
  assert.deepEqual(certain, ['/workspace/log']);
  for (const path of ['build.sh', 'dist/x', 'mk', 'list', 'a b', 'sh']) {
    assert.ok(possible.includes(`/workspace/${path}`), path);
  }
});

test('files/a script named after a change of directory or inside a wrapper: refused to be missed', () => {
  assert.ok(namedFiles('cd sub && sh build.sh', '/workspace').possible.includes('/workspace/sub/build.sh'));
  assert.ok(
    namedFiles("timeout 5 sh -c 'sh build.sh'", '/workspace').possible.includes('/workspace/build.sh'),
  );
  assert.ok(namedFiles('sh build.sh "$X"', '/workspace').possible.includes('/workspace/build.sh'));
});

test('files/more names than one approval can be bound to: refused', () => {
  const line = (count: number): string =>
    `ls ${Array.from({ length: count }, (_, index) => `f${index}`).join(' ')}`;
  assert.equal(namedFiles(line(MAX_NAMED_FILES - 1), '/workspace').possible.length, MAX_NAMED_FILES);
  assert.throws(() => namedFiles(line(MAX_NAMED_FILES), '/workspace'), { code: 'EXEC_TOO_MANY_FILES' });
});

test('existing files have their digest, certain ones that do not exist are absent, system files are left out', async () => {
  await using home = await makeHome();
  await writeFile(join(home.workspace, 'build.sh'), 'echo hi');
  await mkdir(join(home.workspace, 'src'));
  const named = namedFiles('sh build.sh src missing /usr/bin/env > out', '/workspace');
  assert.deepEqual(await bindingFiles(named, home.mounts), {
    '/workspace/build.sh': sha256('echo hi'),
    '/workspace/out': 'absent',
    '/workspace/src': 'directory',
  });
});

test('a changed, created or removed file changes the binding', async () => {
  await using home = await makeHome();
  const script = join(home.workspace, 'x.sh');
  const named = namedFiles('sh x.sh', '/workspace');
  const digests = async (): Promise<string> => JSON.stringify(await bindingFiles(named, home.mounts));
  const seen = [await digests()];
  for (const text of ['one', 'two']) {
    await writeFile(script, text);
    seen.push(await digests());
  }
  assert.equal(new Set(seen).size, 3);
  await rm(script);
  assert.equal(await digests(), seen[0]);
});

test('the mount with the longest target is the one that counts', async () => {
  await using home = await makeHome();
  const mounts: readonly Mount[] = [
    ...home.mounts,
    { source: home.outside, target: '/workspace/data', mode: 'ro' },
  ];
  await mkdir(join(home.workspace, 'data'));
  await writeFile(join(home.workspace, 'data', 'secret'), 'shadowed');
  assert.deepEqual(await bindingFiles(only('/workspace/data/secret'), mounts), {
    '/workspace/data/secret': sha256(SECRET),
  });
});

test('a link inside the workspace is followed as the sandbox would follow it', async () => {
  await using home = await makeHome();
  await writeFile(join(home.workspace, 'real'), 'text');
  await mkdir(join(home.workspace, 'sub'));
  await symlink('/workspace/real', join(home.workspace, 'absolute'));
  await symlink('../real', join(home.workspace, 'sub', 'relative'));
  await symlink('sub', join(home.workspace, 'folder'));
  for (const path of ['absolute', 'sub/relative', 'folder/relative']) {
    const files = await bindingFiles(only(`/workspace/${path}`), home.mounts);
    assert.equal(files[`/workspace/${path}`], sha256('text'), path);
  }
});

test('files/a symbolic link that leaves the workspace, last or on the way: refused', async () => {
  await using home = await makeHome();
  await symlink(join(home.outside, 'secret'), join(home.workspace, 'last'));
  await symlink(home.outside, join(home.workspace, 'way'));
  await symlink('../outside/secret', join(home.workspace, 'relative'));
  await symlink('/etc/passwd', join(home.workspace, 'system'));
  await symlink('..', join(home.workspace, 'parent'));
  for (const path of ['last', 'way/secret', 'relative', 'system', 'parent', 'parent/outside/secret']) {
    const digest = bindingFiles(only(`/workspace/${path}`), home.mounts);
    await assert.rejects(digest, { code: 'EXEC_PATH_ESCAPES' }, path);
  }
});

test('files/links that go in a circle, or more of them than are followed: refused', async () => {
  await using home = await makeHome();
  await symlink('b', join(home.workspace, 'a'));
  await symlink('a', join(home.workspace, 'b'));
  await assert.rejects(bindingFiles(only('/workspace/a'), home.mounts), { code: 'EXEC_PATH_INVALID' });
  await writeFile(join(home.workspace, 'link0'), 'end');
  for (let index = 1; index <= MAX_SYMLINKS + 1; index += 1) {
    await symlink(`link${index - 1}`, join(home.workspace, `link${index}`));
  }
  const files = await bindingFiles(only(`/workspace/link${MAX_SYMLINKS}`), home.mounts);
  assert.equal(files[`/workspace/link${MAX_SYMLINKS}`], sha256('end'));
  const past = bindingFiles(only(`/workspace/link${MAX_SYMLINKS + 1}`), home.mounts);
  await assert.rejects(past, { code: 'EXEC_PATH_INVALID' });
});

test('files/a file larger than the bound: refused, and at the bound taken', async () => {
  await using home = await makeHome();
  const file = join(home.workspace, 'large');
  await writeFile(file, 'x');
  await truncate(file, 4_096);
  const files = await bindingFiles(only('/workspace/large'), home.mounts, 4_096);
  assert.equal(files['/workspace/large'], sha256(`x${'\0'.repeat(4_095)}`));
  const past = bindingFiles(only('/workspace/large'), home.mounts, 4_095);
  await assert.rejects(past, { code: 'EXEC_FILE_TOO_LARGE' });
});

test('files/a pipe in place of a file: refused to be waited for', async () => {
  await using home = await makeHome();
  execFileSync('mkfifo', [join(home.workspace, 'pipe')]);
  assert.deepEqual(await bindingFiles(only('/workspace/pipe'), home.mounts), {
    '/workspace/pipe': 'special',
  });
});
