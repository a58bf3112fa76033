import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  analyseCommand,
  MAX_COMMAND_BYTES,
  MAX_COMMANDS,
  MAX_SYNTAX_DEPTH,
  MAX_WRAPPER_DEPTH,
} from './analyse.ts';
import { PROGRAMS } from './programs.ts';

const CWD = '/workspace';

function commands(line: string): readonly string[] {
  const { actions, unclear } = analyseCommand(line, CWD);
  assert.deepEqual(unclear, [], line);
  return actions.map(({ command }) => command);
}

test('every simple command of pipes, lists, groups and conditions is an action of its own', () => {
  const lines: readonly [string, readonly string[]][] = [
    ['ls -la', ['ls -la']],
    ['a | b |c', ['a', 'b', 'c']],
    ['a && b || c; d\ne', ['a', 'b', 'c', 'd', 'e']],
    ['(a; b) && { c; }', ['a', 'b', 'c']],
    ['if a; then b; else c; fi', ['a', 'b', 'c']],
    ['while a; do b; done', ['a', 'b']],
    ['! a', ['a']],
    ['time a', ['time', 'a']],
  ];
  for (const [line, expected] of lines) assert.deepEqual(commands(line), expected, line);
});

test('a program is its bare name when it is installed, and an absolute path otherwise', () => {
  const programs = (line: string): readonly string[] =>
    analyseCommand(line, CWD).actions.map(({ program, command }) => `${program}: ${command}`);
  assert.deepEqual(programs('/usr/bin/git status'), ['git: git status']);
  assert.deepEqual(programs('/bin/ls'), ['ls: ls']);
  assert.deepEqual(programs('/usr/local/bin/tool'), ['tool: tool']);
  assert.deepEqual(programs('./build.sh all'), ['/workspace/build.sh: /workspace/build.sh all']);
  assert.deepEqual(programs('/opt/bin/ls'), ['/opt/bin/ls: /opt/bin/ls']);
  assert.deepEqual(programs('/usr/bin/../../workspace/ls'), ['/workspace/ls: /workspace/ls']);
});

test('wrappers that are understood are listed together with what they run', () => {
  const lines: readonly [string, readonly string[]][] = [
    ['env LC_ALL=C sort a', ['env LC_ALL=C sort a', 'sort a']],
    ['timeout -k 5 --signal=TERM 10 ls', ['timeout -k 5 --signal=TERM 10 ls', 'ls']],
    ['nice -n 5 nohup ls', ['nice -n 5 nohup ls', 'nohup ls', 'ls']],
    ["sh -c 'ls; pwd'", ["sh -c 'ls; pwd'", 'ls', 'pwd']],
    ["timeout 5 bash -ec 'nice ls'", ["timeout 5 bash -ec 'nice ls'", "bash -ec 'nice ls'", 'nice ls', 'ls']],
    ['command -v git', ['command -v git']],
    ['busybox ls -l', ['busybox ls -l', 'ls -l']],
    ['stdbuf -oL -- ls', ['stdbuf -oL -- ls', 'ls']],
  ];
  for (const [line, expected] of lines) assert.deepEqual(commands(line), expected, line);
});

test('everyday commands are clear, so that a playbook can allow them', () => {
  const lines = [
    [
      'git status',
      'git diff HEAD~1 -- src',
      'git log --oneline -n 5',
      "git commit -m 'fix: it'",
      'git -C sub status',
    ],
    ['grep -rn pattern src', 'find . -name x -type f', 'head -n 5 a', 'cat a | wc -l', 'sort -u a | uniq -c'],
    [
      "awk '{ print $1 }' a",
      "awk -F: -v n=1 '{ s += n } END { print s }' a",
      "sed -n '1,5p' a",
      "sed 's/a/b/g' a",
    ],
    [
      "sed -E 's|x|y|; /z/d' a",
      'python3 app.py -c x',
      'python3 -m pytest -q',
      'node --test',
      'npm test',
      'make all',
    ],
    [
      'tar -xzf a.tgz',
      'tar czf a.tgz src',
      'curl -sS https://example.org',
      'mkdir -p a/b',
      'printf x',
      '[ -f a ]',
    ],
    ['cd sub && npm test', 'NO_COLOR=1 ls', 'sh build.sh', 'cargo test', 'go test ./...', 'rm -rf build'],
    [
      'npm test -- --watch=false',
      'cargo test -- --nocapture',
      'git clone --depth 1 https://x/y.git z',
      'gcc -O2 -Wall -o a a.c',
    ],
  ].flat();
  for (const line of lines) commands(line);
});

test('redirections are files with absolute paths, and the null device is none', () => {
  const files = (line: string): readonly string[] => {
    const analysis = analyseCommand(line, CWD);
    assert.deepEqual(analysis.unclear, [], line);
    return analysis.files.map(({ kind, path }) => `${kind} ${path}`);
  };
  assert.deepEqual(files('a > out.txt 2>&1'), ['file.write /workspace/out.txt']);
  assert.deepEqual(files('a >>/data/log <../in'), ['file.write /data/log', 'file.read /in']);
  assert.deepEqual(files('a <> x >| y'), [
    'file.read /workspace/x',
    'file.write /workspace/x',
    'file.write /workspace/y',
  ]);
  assert.deepEqual(files('a > /dev/null 2>/dev/stderr <&-'), []);
  assert.deepEqual(files("{ a; } > 'b c'"), ['file.write /workspace/b c']);
  assert.deepEqual(files('> only'), ['file.write /workspace/only']);
});

test('an empty line asks for nothing', () => {
  for (const line of ['', ' ', '\n']) {
    assert.deepEqual(analyseCommand(line, CWD), { actions: [], files: [], unclear: [], strangers: [] });
  }
});

test('each bound holds at its limit and is unclear one past it', () => {
  const clear = (line: string): boolean => analyseCommand(line, CWD).unclear.length === 0;
  assert.equal(clear(`ls ${'x'.repeat(MAX_COMMAND_BYTES - 3)}`), true);
  assert.equal(clear(`ls ${'x'.repeat(MAX_COMMAND_BYTES - 2)}`), false);
  assert.equal(clear(Array.from({ length: MAX_COMMANDS }, () => 'a').join(';')), true);
  assert.equal(clear(Array.from({ length: MAX_COMMANDS + 1 }, () => 'a').join(';')), false);
  assert.equal(clear(`${'nice '.repeat(MAX_WRAPPER_DEPTH)}ls`), true);
  assert.equal(clear(`${'nice '.repeat(MAX_WRAPPER_DEPTH + 1)}ls`), false);
  // A group is three levels of the tree: the group, its list and the list's statement.
  const groups = Math.floor((MAX_SYNTAX_DEPTH - 3) / 3);
  const nested = (count: number): string => `${'( '.repeat(count)}a${' )'.repeat(count)}`;
  assert.equal(clear(nested(groups)), true);
  assert.equal(clear(nested(groups + 1)), false);
  assert.equal(clear(`${'('.repeat(8_000)}a`), false);
});

test('a working directory that is no path makes a line unclear', () => {
  assert.notDeepEqual(analyseCommand('ls', 'a\0b').unclear, []);
  assert.notDeepEqual(analyseCommand('ls', '').unclear, []);
});

test('every program has one row, with the source of what it says', () => {
  const names = PROGRAMS.flatMap((row) => row.names);
  assert.equal(new Set(names).size, names.length);
  for (const row of PROGRAMS) {
    assert.notEqual(row.source, '', row.names.join());
    for (const name of row.names) assert.equal(name, name.toLowerCase());
  }
});
