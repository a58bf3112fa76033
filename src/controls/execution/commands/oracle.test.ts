import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { analyseCommand } from './analyse.ts';

/**
 * The programs themselves say which options they have. Every option, spelled in every way, is given a program of ours
 * (`./canary`) as its value; whatever the analysis calls clear is then really run in a sandbox of its own, and the
 * canary must not have run and must not have been changed (attacks 70 and 71).
 */
const PROGRAMS = [
  'tar find sort diff file make sed awk xargs env timeout nice curl cp mv rm touch tee chmod uniq shuf stdbuf setsid',
  'nohup grep ls cat date stat wc du zgrep zcat split python3 bash tr cut base64 od pr',
].flatMap((line) => line.split(' ').map((program) => [program, `${program} --help`] as const));
const GIT = [
  'status log show diff add commit branch checkout switch restore reset stash tag merge rebase revert cherry-pick init',
  'mv rm describe grep clone fetch pull push remote apply blame ls-files rev-parse worktree for-each-ref',
].flatMap((line) => line.split(' ').map((name) => [`git ${name}`, `git ${name} -h`] as const));

const SETUP = String.raw`
mkdir -p /w && cd /w || exit 1
printf '#!/bin/sh\necho "canary ran as $0 $*" >>/report/ran\n' > canary && chmod +x canary
export HOME=/w GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_TERMINAL_PROMPT=0
echo a >a; echo b >b; printf 'all:\n\t@true\n' >Makefile; tar cf t.tar a; git init -q . && git add a && git commit -qm a
cp -a /w /kept
`;

const ISOLATION = [
  '--unshare-all --die-with-parent --cap-drop ALL --new-session --clearenv --ro-bind /usr /usr --symlink usr/bin /bin',
  '--symlink usr/lib /lib --symlink usr/lib64 /lib64 --ro-bind-try /etc/alternatives /etc/alternatives --proc /proc',
  '--dev /dev --tmpfs /tmp --dir /report --setenv PATH /usr/bin --setenv LC_ALL C.UTF-8 /usr/bin/bash -c',
].flatMap((line) => line.split(' '));

/** Runs lines one by one, each in a fresh copy of the same folder; returns what the canary saw, by line. */
function really(lines: readonly string[]): readonly string[] {
  const script = `${SETUP}
while IFS= read -r line; do
  cd / && rm -rf /w && cp -a /kept /w && cd /w && : >/report/ran
  timeout -s KILL 0.4 sh -c "$line" </dev/null >/dev/null 2>&1
  cmp -s canary /kept/canary || echo "canary was changed" >>/report/ran
  printf '%s\\036%s\\037' "$line" "$(cat /report/ran)" >&3
done`;
  const { output, stderr } = spawnSync('bwrap', [...ISOLATION, script], {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
  });
  const reports = (output[3] ?? '').split('\u001f').slice(0, -1);
  assert.equal(reports.length, lines.length, stderr);
  return reports
    .filter((report) => !report.endsWith('\u001e'))
    .map((report) => report.replace('\u001e', ' => '));
}

/** Option names that a program documents. */
function optionsOf(help: string): readonly string[] {
  const { stdout, stderr } = spawnSync('/bin/sh', ['-c', help], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin' },
  });
  const found = `${stdout}${stderr}`.match(/(?<=[\s,[|(])--?[A-Za-z0-9][A-Za-z0-9-]*/g) ?? [];
  return [...new Set(found)];
}

const VALUES = ['./canary', '/w/canary', "'./canary;'", '"exec=./canary"', "'!./canary'", "'ext::./canary'"];

function spellings(program: string, option: string): readonly string[] {
  const forms = [option, option.slice(0, -1)].flatMap((name) =>
    VALUES.flatMap((value) => [`${name}=${value}`, `${name} ${value}`, `${name}${value}`]),
  );
  return forms.flatMap((form) => [`${program} ${form} a`, `${program} a ${form}`, `${program} -- a ${form}`]);
}

/** What the analysis calls clear, without a word about the canary. */
function harmless(line: string): boolean {
  const { unclear, actions, strangers, files } = analyseCommand(line, '/w');
  const listed = [...actions.map(({ program }) => program), ...files.map(({ path }) => path)];
  return unclear.length === 0 && strangers.length === 0 && !listed.some((name) => name.includes('canary'));
}

test('commands/every documented option of the real programs, given a program to run: refused or harmless', () => {
  const candidates = [...PROGRAMS, ...GIT].flatMap(([program, help]) =>
    optionsOf(help).flatMap((option) => spellings(program, option)),
  );
  assert.ok(candidates.length > 10_000, `${candidates.length} lines were made from the programs' own help`);
  // A sample; the seed moves through all of them over time and is printed when it finds something.
  const seed = fc.sample(fc.integer(), 1)[0] ?? 0;
  const picked = fc.sample(fc.nat({ max: candidates.length - 1 }), { numRuns: 3_000, seed });
  const sample = picked
    .map((index) => candidates[index] ?? '')
    .filter(harmless)
    .slice(0, 120);
  assert.deepEqual(really(sample), [], `seed ${seed}`);
});

/** Lines that once got through, or nearly; they stay. */
const COMMITTED = [
  'tar xf t.tar --transform=s/a/b/e',
  "tar --xform 's,a,./canary,e' -cf x a",
  'git pull -s ./canary',
  'git merge -s canary a',
  'git commit -e -m x',
  'git commit -S -m x',
  'git blame --contents canary a',
  'git archive -o canary HEAD',
  'diff3 --diff-program=./canary a a a',
  'sdiff --diff-program=./canary a b',
  'make CC=./canary',
  'make MAKEFILES=canary',
  'make GNUMAKEFLAGS=--eval=x:',
  "sed -n '1e ./canary' a",
  "sed '1!e./canary' a",
  'awk \'BEGIN { f = "sys" "tem"; @f("./canary") }\'',
  'find . -newermt x -exec ./canary {} +',
  'xargs -I{} ./canary',
  'env -S./canary',
  'env -u A ./canary',
  'x86_64-linux-gnu-gcc -wrapper ./canary a.c',
  'gcc-12 -B. a.c',
  'go build -overlay canary',
  'curl -K canary x',
  "curl -w '%output{canary}' http://localhost",
  'curl -d @canary http://localhost',
  'curl file:///w/canary',
  'wget http://localhost/canary',
  'ln -s canary a',
  'python3 -m timeit x',
  'python3 -m runpy canary',
  'python3 -mpdb canary',
  "test 'a[$(./canary)]' -eq 1",
  'ls\r',
  'ls\r\n./canary',
  'ｌs\u200b',
];

test('commands/lines that once got through: refused', () => {
  for (const line of COMMITTED) {
    const { unclear, strangers } = analyseCommand(line, '/w');
    assert.ok(unclear.length > 0 || strangers.length > 0, line);
  }
});
