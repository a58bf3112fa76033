import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MAX_NAME_BYTES, MAX_PATH_BYTES, normaliseSandboxPath } from './path.ts';

test('a path is absolute and has no dots, doubled or trailing slashes', () => {
  const paths: readonly [string, string][] = [
    ['a', '/workspace/a'],
    ['./a//b/', '/workspace/a/b'],
    ['../x', '/x'],
    ['../../../x', '/x'],
    ['/a/./b/../c', '/a/c'],
    ['/', '/'],
    ['.', '/workspace'],
    ['...', '/workspace/...'],
  ];
  for (const [path, expected] of paths)
    assert.equal(normaliseSandboxPath(path, '/workspace'), expected, path);
});

test('files/a path with control characters, lone surrogates or nothing in it: refused', () => {
  for (const path of ['', 'a\0b', 'a\nb', 'a\u001bb', '\ud800']) {
    assert.throws(
      () => normaliseSandboxPath(path, '/workspace'),
      { code: 'EXEC_PATH_INVALID' },
      JSON.stringify(path),
    );
  }
  assert.throws(() => normaliseSandboxPath('a', 'workspace'), { code: 'EXEC_PATH_INVALID' });
  assert.throws(() => normaliseSandboxPath('a', '/work\0space'), { code: 'EXEC_PATH_INVALID' });
});

test('files/a name or a path that is too long: refused, and at its limit taken', () => {
  const name = 'x'.repeat(MAX_NAME_BYTES);
  assert.equal(normaliseSandboxPath(name, '/'), `/${name}`);
  assert.throws(() => normaliseSandboxPath(`${name}x`, '/'), { code: 'EXEC_PATH_INVALID' });
  assert.throws(() => normaliseSandboxPath('é'.repeat(128), '/'), { code: 'EXEC_PATH_INVALID' });
  const longest = `/${'a/'.repeat((MAX_PATH_BYTES - 1) / 2)}`.slice(0, MAX_PATH_BYTES - 1);
  assert.equal(normaliseSandboxPath(`${longest}b`, '/').length, MAX_PATH_BYTES);
  assert.throws(() => normaliseSandboxPath(`${longest}bb/c`, '/'), { code: 'EXEC_PATH_INVALID' });
});

test('normalising again changes nothing, and nothing climbs above the root', () => {
  const part = fc.constantFrom('a', '..', '.', '', 'b c', '...', 'é');
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), fc.boolean(), (parts, absolute) => {
      const path = normaliseSandboxPath(`${absolute ? '/' : './'}${parts.join('/')}`, '/workspace');
      assert.ok(path.startsWith('/'));
      assert.ok(!path.split('/').includes('..'));
      assert.equal(normaliseSandboxPath(path, '/elsewhere'), path);
    }),
  );
});
