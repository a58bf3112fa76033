import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authority, decided, refusedEvenIfAllAllowed } from '../testing/decided.ts';

test('commands/long options that run programs, in full and abbreviated: refused', () => {
  refusedEvenIfAllAllowed(
    [
      'tar cf a.tar b --checkpoint=1 --checkpoint-action=exec=sh',
      'tar xf a --to-command=sh',
      'tar xf a --to-c sh',
    ],
    ['tar cf a b --use-compress-program=sh', 'tar cf a b --use-c sh', 'tar -cIsh -f a b', 'tar cIf sh a b'],
    [
      'tar xf a -- --to-command=sh',
      'sort --compress-program=sh a',
      'sort --comp sh a',
      'split --filter=sh a',
    ],
    [
      'split --fi sh a',
      'rsync -e sh a b:c',
      'rsync --rs=sh a b:c',
      'rsync -aze sh a b',
      'wget --use-ask=sh http://x',
    ],
    [
      'curl -K conf',
      'curl -so /etc/x http://x',
      'curl --outp x http://x',
      'zip -T -TT sh a b',
      'man -P sh ls',
    ],
    [
      'less +!sh',
      'tcpdump -z sh -G1',
      'rg --pre sh x',
      'fd -x sh',
      'make --ev=x',
      'make SHELL=sh',
      "make 'A=$(shell x)'",
    ],
    ['git -c core.pager=sh log', 'git -ccore.pager=sh log', 'git --exec-path=. log', 'git clone ext::sh x'],
    [
      'git clone -u sh x',
      'git clone --upload-p=sh x',
      'git fetch --upl sh',
      'git grep -Osh x',
      'git rebase -x sh',
    ],
    ['git config alias.x !sh', 'git x', 'git bisect run sh', 'git submodule foreach sh', 'git diff --outp=x'],
    [
      'go test -exec sh',
      'cargo --config x test',
      'npm exec sh',
      'npm exe sh',
      'npm test --script-sh=x',
      'yarn dlx x',
    ],
    [
      'gcc -wrapper sh a.c',
      'gcc @args',
      'dd if=a of=b',
      'pandoc --filter x a',
      'nc -e sh h 1',
      'ip netns exec x sh',
    ],
  );
});

test('commands/find that runs, deletes or writes: refused, and what it runs is judged too', () => {
  refusedEvenIfAllAllowed(
    ['find . -exec rm {} \\;', 'find . -execdir sh {} +', 'find . -ok rm {} \\;', 'find . -okdir rm {} \\;'],
    ['find . -delete', 'find . -fprintf x y', 'find . -fprint x', 'find . -fls x', 'find -files0-from x'],
  );
  const denied = authority(
    { kind: 'exec', effect: 'deny', match: { program: ['rm'] } },
    { kind: '*', effect: 'allow' },
  );
  assert.equal(decided('find . -exec rm {} \\;', denied).code, 'EXEC_COMMAND_DENIED');
});

test('commands/sed and awk programs that run commands or write files: refused', () => {
  refusedEvenIfAllAllowed(
    [
      "sed 's/a/b/e' x",
      "sed '1e rm x' x",
      "sed 'e' x",
      "sed 's/a/b/w f' x",
      "sed 'w f' x",
      "sed 'r f' x",
      'sed -f s x',
    ],
    [
      "sed -i 's/a/b/' x",
      "sed 's/a/b/' x -i",
      "sed --expr='e' x",
      "sed -n '/a/e' x",
      "sed 's/[/]/;e;/g' x",
      "sed 'p;e' x",
    ],
    [
      `awk 'BEGIN { system("rm x") }'`,
      `awk '{ print | "sh" }' x`,
      `awk '{ "ls" | getline }' x`,
      'awk -f p x',
    ],
    [
      `awk '{ print > "f" }' x`,
      `gawk '@load "x"'`,
      `gawk -i inplace '{ print }' x`,
      `gawk -l ext 'BEGIN {}'`,
    ],
    [`awk -F : '{ print }' --source x`, 'awk', 'sed'],
  );
});

test('commands/wrappers that hide what they run: refused', () => {
  refusedEvenIfAllAllowed(
    [
      'sudo ls',
      'doas ls',
      'su -c ls',
      'chroot / ls',
      'unshare ls',
      'nsenter ls',
      'ssh h ls',
      'ssh -o ProxyCommand=sh h',
    ],
    [
      'watch ls',
      'parallel ls',
      'script -c ls',
      'xargs ls',
      'find . | xargs rm',
      'docker run x',
      'kubectl exec x',
      'npx x',
    ],
    [
      'env -S "ls -l"',
      'env -C / ls',
      'env PATH=. ls',
      'timeout --fore 5 ls',
      'nice -5 ls',
      'setsid -f ls',
      'flock f ls',
    ],
    [
      'strace ls',
      'gdb -ex x',
      'vim -c x',
      'ed x',
      'socat a b',
      'at now',
      'busybox sh',
      'time -o f ls',
      '-o x',
    ],
    [
      '/lib64/ld-linux-x86-64.so.2 ./x',
      'exec sh',
      'command eval ls',
      'builtin . x',
      'expect x',
      'screen ls',
      'dc -e x',
    ],
  );
});

test('commands/interpreters with inline code or code from their input: refused', () => {
  refusedEvenIfAllAllowed(
    [
      'python -c x',
      'python3.12 -c x',
      '/usr/bin/python3 -Ic x',
      'python',
      'python -',
      'ls | python3',
      'python /dev/stdin',
    ],
    [
      'python -m timeit x',
      'python -m pdb',
      'perl -e x',
      'perl -ne x f',
      'ruby -e x',
      'node -e x',
      'node --eval=x',
    ],
    [
      'node -p x',
      'node',
      'node --test --eval x',
      'php -r x',
      'lua -e x',
      'deno eval x',
      'zsh -c ls',
      'fish -c ls',
      'bun x y',
    ],
    [
      'ls | sh',
      'sh',
      'sh -s',
      'sh -',
      'bash -i',
      'bash -lc ls',
      'sh /dev/fd/3',
      'sh /proc/self/fd/0',
      'bash --rcfile x -c ls',
    ],
    [
      'sh -c "ls $X"',
      "sh -c 'ls $(id)'",
      'bash -c \'sh -c "ls *"\'',
      'SH -c "$X"',
      'sqlite3 a.db',
      'psql -c x',
      'm4 x',
    ],
  );
});

test('commands/the same under another name, from another host, or through a build tool: refused', () => {
  refusedEvenIfAllAllowed(
    ['tar xf host:archive', 'ruby -v /dev/stdin', 'gtimeout 5 ls', 'TAR --to-command=sh', 'python3.13 -c x'],
    [
      'cmake -E env ls',
      'cmake -P x',
      'fzf --preview ls',
      'gosu root ls',
      'hyperfine ls',
      'ssh-agent ls',
      'sem ls',
    ],
  );
});

test('commands/a denied subcommand behind options of the program: refused as denied', () => {
  const push = authority(
    { kind: 'exec', effect: 'deny', match: { program: ['git'], command: ['git push'] } },
    { kind: '*', effect: 'allow' },
  );
  assert.equal(decided('git --no-pager status', push).effect, 'allow');
  for (const line of [
    'git push',
    'git -C sub push',
    'git --no-pager -C sub push x',
    '/usr/bin/git -P push',
  ]) {
    assert.equal(decided(line, push).code, 'EXEC_COMMAND_DENIED', line);
  }
});

test('commands/bash names that evaluate an index: refused', () => {
  refusedEvenIfAllAllowed([
    "test -v 'a[$(id)]'",
    "[ -v 'a[$(id)]' ]",
    "printf -v 'a[$(id)]' x",
    "unset 'a[$(id)]'",
    "let 'a[$(id)]'",
  ]);
});
