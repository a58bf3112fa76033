import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowing, authority, decided, refusedEvenIfAllAllowed } from '../testing/decided.ts';

test('commands/globs, variables, substitutions and here-documents: refused', () => {
  refusedEvenIfAllAllowed(
    [
      'cat *',
      'cat ?',
      'cat [ab]',
      'cat {a,b}',
      'cat ~/x',
      'cat $HOME/x',
      'cat "$X"',
      'cat ${X#y}',
      'cat $((1))',
    ],
    ['cat $(ls)', 'cat `ls`', 'cat "$(ls)"', 'cat <(ls)', 'cat <<EOF\nx\nEOF', 'cat <<< x', '$X', '"$(ls)"'],
    [
      'cat a & rm b',
      'f() { rm x; }; f',
      'alias ls=rm; ls',
      'eval ls',
      '. ./x',
      'source x',
      'ls # nothing more',
    ],
    [
      "cat $'\\x2f'",
      'for x in a; do ls; done',
      'coproc ls',
      '[[ -f x ]]',
      '((x=1))',
      'trap ls EXIT',
      'set -x',
    ],
  );
});

test('commands/what a shell runs from text is judged as if it stood alone: refused', () => {
  const git = allowing('git', 'sh', 'env', 'timeout', 'nice');
  assert.equal(decided('sh -c "git status"', git).effect, 'allow');
  const lines = ['sh -c "rm x"', `env sh -c 'sh -c "rm x"'`, 'timeout 5 nice sh -c "git status; rm x"'];
  for (const line of lines) {
    assert.equal(decided(line, git).effect, 'deny', line);
    assert.equal(decided(line, git).code, 'EXEC_COMMAND_NOT_ALLOWED', line);
  }
});

test('commands/a pipe or a list after an allowed command: refused', () => {
  const git = allowing('git');
  assert.equal(decided('git status', git).effect, 'allow');
  for (const line of [
    'git status | sh',
    'git status; rm x',
    'git log && rm x',
    'git x || rm x',
    '(git log; rm x)',
  ]) {
    assert.equal(decided(line, git).effect, 'deny', line);
    assert.equal(decided(line, git).code, 'EXEC_COMMAND_NOT_ALLOWED', line);
  }
  assert.equal(decided('git status > /etc/passwd', git).code, 'FILE_WRITE_NOT_ALLOWED');
  assert.equal(decided('git status < /etc/shadow', git).code, 'FILE_READ_NOT_ALLOWED');
});

test('commands/a rule for the shell does not cover what it runs: refused', () => {
  assert.equal(decided('bash -c "rm -rf x"', allowing('bash')).code, 'EXEC_COMMAND_NOT_ALLOWED');
});

test('commands/an argument that crosses the words of a pattern: refused', () => {
  const status = authority({
    kind: 'exec',
    effect: 'allow',
    match: { program: ['git'], command: ['git status'] },
  });
  assert.equal(decided('git status -s', status).effect, 'allow');
  assert.equal(decided('git "status"', status).effect, 'allow');
  for (const line of [
    'git "status -s"',
    "git 'status '",
    'git statusx',
    'git push status',
    '"git status"',
    'git\\ status',
  ]) {
    assert.equal(decided(line, status).effect, 'deny', line);
  }
});

test('commands/a program of the same name from another directory: refused', () => {
  const ls = allowing('ls');
  for (const line of [
    './ls',
    '/workspace/ls',
    '/opt/bin/ls',
    '/usr/bin/../../workspace/ls',
    'sub/ls',
    '/bin/sub/ls',
  ]) {
    assert.equal(decided(line, ls).effect, 'deny', line);
  }
});

test('commands/assignments that change what is loaded: refused', () => {
  refusedEvenIfAllAllowed(
    [
      'PATH=. ls',
      'LD_PRELOAD=./x.so ls',
      'GIT_SSH_COMMAND=sh git fetch',
      'IFS=/ ls',
      'ENV=x sh a',
      'BASH_ENV=x bash a',
    ],
    [
      'PAGER=sh git log',
      'EDITOR=sh git commit',
      'NODE_OPTIONS=x node a',
      'PYTHONPATH=. python a',
      'PATH=.; ls',
      'X=1 ls',
    ],
    [
      'export PATH=.',
      'declare PATH=.',
      'read PATH',
      'unset PATH',
      'LC_ALL=/x ls',
      'LANG+=x ls',
      'TZ=:/x ls',
      'CI=(1) ls',
    ],
  );
});

test('commands/hidden, reordering and control characters: refused, and shown in the reason only as markers', () => {
  const lines = [
    'ls \u202etxt.exe',
    'l\u200bs',
    "ls 'a\u2066b'",
    'ls \u001b[2J',
    'ls \0',
    'ls \ud800',
    'ls \ufffd',
    'ls\u00a0x',
    'a\rb',
  ];
  refusedEvenIfAllAllowed(lines);
  for (const line of [...lines, 'git \u202e-c'])
    assert.doesNotMatch(decided(line).reason, /[\p{Cc}\p{Cf}\p{Cs}]/u);
});

test('commands/redirections that shells read differently or that leave the file system: refused', () => {
  refusedEvenIfAllAllowed(
    [
      'ls &> f',
      'ls >& f',
      'ls &>> f',
      'ls {x}> f',
      'ls > $f',
      'ls > *',
      'ls > /dev/tcp/h/1',
      'ls < /dev/udp/h/1',
    ],
    ['cd x && ls > f', 'ls > a/../b', 'pushd x; ./run', 'ls >'],
  );
});

test('commands/a line that is not understood and denied: refused as denied', () => {
  const decision = decided('rm $X', allowing('ls'));
  assert.equal(decision.effect, 'deny');
  assert.equal(decision.code, 'EXEC_COMMAND_NOT_ALLOWED');
});

test('commands/a line in which no command is found: refused', () => {
  refusedEvenIfAllAllowed(['# only a comment', '((', ')']);
  assert.equal(decided('').effect, 'deny');
});

test('commands/a program that nobody knows, under a rule for every program: refused until a rule names it', () => {
  refusedEvenIfAllAllowed(['mytool x', './build.sh', '/opt/vendor/bin/ls', 'timeout 5 mytool x']);
  const named = authority(
    { kind: 'exec', effect: 'allow', match: { program: ['mytool', '/workspace/build.sh'] } },
    { kind: 'exec', effect: 'allow' },
  );
  assert.equal(decided('mytool x', named).effect, 'allow');
  assert.equal(decided('./build.sh all', named).effect, 'allow');
  assert.equal(decided('mytool2 x', named).code, 'EXEC_COMMAND_UNCLEAR');
});
