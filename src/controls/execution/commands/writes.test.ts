import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { authority, decided, refusedEvenIfAllAllowed } from '../testing/decided.ts';

/** A workspace that may be written, except for the hooks of its repository. */
const WORKSPACE = authority(
  { kind: 'exec', effect: 'allow' },
  {
    kind: 'file.write',
    effect: 'deny',
    match: { path: ['/workspace/.git', '/workspace/.git/hooks/**', '/workspace/.git/config'] },
  },
  { kind: 'file.write', effect: 'allow', match: { path: ['/workspace/**', '/tmp/**'] } },
);

test('commands/an allowed command that writes a protected file by its operand: refused', () => {
  for (const line of [
    'cp evil .git/hooks/pre-commit',
    'cp -p evil .git/hooks',
    'cp config .git',
    'cp -a evil/.git .',
    'cp evil .git//hooks/./pre-commit',
    'cp -- evil /workspace/.git/config',
    'mv evil .git/hooks/pre-commit',
    'mv .git old',
    'mv old/.git /workspace',
    'touch .git/hooks/pre-commit',
    'mkdir -p .git/hooks/x',
    'rm -rf .git/hooks',
    'chmod +x .git/hooks/pre-commit',
    'chmod 755 a .git/hooks/pre-commit',
    'uniq evil .git/hooks/pre-commit',
    'uniq -c evil .git/config',
    'echo x | tee a .git/config',
    'truncate -s 0 .git/config',
    'timeout 5 cp evil .git/config',
    'sh -c "cp evil .git/config"',
  ]) {
    const decision = decided(line, WORKSPACE);
    assert.equal(decision.effect, 'deny', line);
    assert.equal(decision.code, 'FILE_WRITE_DENIED', line);
  }
});

test('commands/an allowed command that writes outside what may be written: refused', () => {
  for (const line of ['cp a /data/a', 'mv /data/a .', 'touch /opt/x', 'uniq a /data/b', 'rm -r /']) {
    assert.equal(decided(line, WORKSPACE).code, 'FILE_WRITE_NOT_ALLOWED', line);
  }
});

test('commands/options and names that hide what a command writes: refused', () => {
  refusedEvenIfAllAllowed(
    ['cp -t .git/hooks evil', 'cp --target-directory=.git/hooks evil', 'cp --tar .git/hooks evil'],
    ['cp -rT evil .', 'cp --parents .git/hooks/x sub', 'cp -r evil/. .', 'cp -r .. x', 'mv -t x y'],
    ['cp a link/../b', 'cd sub && cp a b', 'touch --reference=a b --x', 'uniq --x a b'],
    ['file -C -m magic', 'file -z a', 'diff -l a b', 'diff -rul a b', 'diff --pagi a b'],
  );
});

test('commands/a printf that assigns a variable, and so changes what later words run: refused', () => {
  const lines = [
    "printf '%n' PATH; ls",
    "printf 'a%5n' PATH",
    "printf '%-#ln' PATH",
    "printf 'x%*n' 3 PATH",
    "printf '50% new' PATH",
    'printf -- %n PATH',
  ];
  refusedEvenIfAllAllowed(lines);
  for (const line of lines) {
    const bash = ['--norc', '--noprofile', '-c', `${line} >/dev/null 2>&1; [ "$PATH" = /nowhere ]`];
    assert.equal(spawnSync('/bin/bash', bash, { env: { PATH: '/nowhere' } }).status, 1, line);
  }
});

test('everyday copying, moving and printing stays clear', () => {
  for (const line of [
    'cp a b',
    'cp -r src backup',
    'cp -a a b /tmp',
    'mv a.ts lib/',
    'mkdir -p lib/x && touch lib/x/y',
    'rm -rf dist',
    'chmod +x build.sh',
    'sort a | uniq -c | sort -rn',
    'uniq a b',
    'echo x | tee a /dev/stderr',
    String.raw`printf '%s\n%d new items\n100%%\n' a 3`,
    'diff -u a b',
    'file a b',
  ]) {
    const decision = decided(line, WORKSPACE);
    assert.equal(decision.effect, 'allow', `${line}: ${decision.reason}`);
  }
});
