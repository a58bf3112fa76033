import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type Detector, loadDetector } from '../index.ts';
import { MAX_EXCHANGED } from './exchanges.ts';
import { MAX_RETAINED, prune } from './removed.ts';
import { makeWorld, removed, sh, type World } from './testing/world.ts';

const VALUE = 'hunter2-Battery9';
const OTHER = 'correct7-Horse8-staple';
const ENV = `PORT=80\nDB_PASSWORD=${VALUE}\n`;
const TWO = `${ENV}API_TOKEN=${OTHER}\n`;

let detector: Detector;
before(async () => {
  detector = await loadDetector();
});

const placeholderOf = (w: World, name = '.env'): string => /MASKED[A-Z2-7]+/.exec(w.read(name))?.[0] ?? '';
const leftovers = (w: World): readonly string[] =>
  readdirSync(w.folder).filter((name) => /\.(?:json|masked|original|written|new)$/.test(name));

describe('a run does with a file that holds credentials what it likes', () => {
  const changes: Readonly<Record<string, readonly [script: string, after: string]>> = {
    'sed -i': ["sed -i 's/80/81/' .env", ENV.replace('80', '81')],
    'an editor that saves by renaming': [
      'cp .env .env.tmp; echo MORE=1 >> .env.tmp; mv -f .env.tmp .env',
      `${ENV}MORE=1\n`,
    ],
    'a change in place': ['echo MORE=1 >> .env', `${ENV}MORE=1\n`],
    'python that replaces it': [
      "/usr/bin/python3 -c \"import os; t=open('.env').read(); open('.x','w').write(t+'P=1\\n'); os.replace('.x','.env')\"",
      `${ENV}P=1\n`,
    ],
  };
  for (const [title, [script, after]] of Object.entries(changes)) {
    test(`${title}: the change stands, and the value is where it was`, () => {
      using w = makeWorld(detector);
      w.write('.env', ENV);
      assert.deepEqual(w.open('a', true).masks, []);
      assert.ok(!sh(w, 'cat .env').includes(VALUE));
      sh(w, script);
      assert.equal(w.masker.close('a')[0]?.outcome, 'written');
      assert.equal(w.read('.env'), after);
      assert.deepEqual([leftovers(w), removed(w)], [[], []]);
      assert.deepEqual(readdirSync(w.workspace), ['.env']);
    });
  }

  test('rm: it is gone, and its original is kept for some days', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    w.open('a', true);
    sh(w, 'rm .env');
    const [settled] = w.masker.close('a');
    assert.equal(settled?.outcome, 'removed');
    assert.equal(existsSync(join(w.workspace, '.env')), false);
    assert.deepEqual(removed(w), [ENV]);
    assert.equal(readFileSync(settled?.kept ?? '', 'utf8'), ENV);
  });

  test('mv to another name of such a file: the values follow', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    w.open('a', true);
    sh(w, 'mkdir conf; mv .env conf/.env.local; echo X=1 >> conf/.env.local');
    w.masker.close('a');
    assert.equal(w.read('conf/.env.local'), `${ENV}X=1\n`);
    assert.equal(existsSync(join(w.workspace, '.env')), false);
    assert.deepEqual(removed(w), []);
  });

  test('what replaced it and was then moved on has the values too', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    w.open('a', true);
    sh(w, "sed -i 's/80/81/' .env; mv .env .env.local");
    w.masker.close('a');
    assert.equal(w.read('.env.local'), ENV.replace('80', '81'));
    assert.deepEqual(removed(w), []);
  });

  test('the folder that it lies in is moved: the values follow', () => {
    using w = makeWorld(detector);
    w.write('conf/.env', ENV);
    w.open('a', true);
    sh(w, 'mv conf moved');
    w.masker.close('a');
    assert.equal(w.read('moved/.env'), ENV);
  });

  test('git stash, checkout and stash pop of a tracked file work, and every version has its values', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    sh(w, 'git init -q; git add -f .env; git commit -qm one');
    w.write('.env', TWO);
    w.open('a', true);
    sh(w, 'git stash');
    w.masker.close('a');
    assert.equal(w.read('.env'), ENV);
    w.open('b', true);
    sh(w, 'git checkout -q -b other; git checkout -q .env; git stash pop');
    w.masker.close('b');
    assert.equal(w.read('.env'), TWO);
    w.open('c', true);
    sh(w, 'git checkout -q HEAD -- .env; git rm -q .env');
    w.masker.close('c');
    assert.equal(existsSync(join(w.workspace, '.env')), false);
  });

  test('a file that comes back after it was removed gets its values again', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    w.open('a', true);
    sh(w, 'mkdir x; cp .env x/backup.txt; rm .env');
    w.masker.close('a');
    assert.ok(!w.read('x/backup.txt').includes(VALUE));
    w.open('b', true);
    sh(w, 'mv x/backup.txt .env');
    assert.deepEqual(w.masker.close('b'), [{ path: join(w.workspace, '.env'), outcome: 'written' }]);
    assert.equal(w.read('.env'), ENV);
  });

  test('a file that was not touched is the very file that it was', () => {
    using w = makeWorld(detector);
    const path = w.write('.env', ENV);
    utimesSync(path, 1_000_000, 1_000_000);
    const was = statSync(path);
    w.open('a', true);
    assert.notEqual(statSync(path).ino, was.ino);
    assert.equal(statSync(path).mtimeMs, was.mtimeMs);
    const [settled] = w.masker.close('a');
    const is = statSync(path, { bigint: true });
    assert.deepEqual([Number(is.ino), Number(is.nlink), Number(is.mtimeMs)], [was.ino, 1, was.mtimeMs]);
    assert.deepEqual(settled, { path, outcome: 'unchanged', untouched: String(is.ctimeNs) });
  });

  test('two names of one file stay one file, also one that no run sees', () => {
    using w = makeWorld(detector);
    const outside = join(w.folder, '..', 'outside');
    linkSync(w.write('.env', ENV), join(w.workspace, 'other.env'));
    linkSync(join(w.workspace, '.env'), outside);
    w.open('a', true);
    assert.equal(readFileSync(outside, 'utf8'), ENV);
    sh(w, 'echo MORE=1 >> other.env; grep -q MORE .env');
    w.masker.close('a');
    assert.equal(readFileSync(outside, 'utf8'), `${ENV}MORE=1\n`);
    assert.equal(w.read('.env'), `${ENV}MORE=1\n`);
    assert.equal(statSync(outside).nlink, 3);
  });

  test('mode and owner are what they were, and a mode that the run sets stands', () => {
    using w = makeWorld(detector);
    execFileSync('chmod', ['640', w.write('.env', ENV)]);
    w.open('a', true);
    assert.equal(statSync(join(w.workspace, '.env')).mode & 0o777, 0o640);
    sh(w, 'chmod 600 .env');
    w.masker.close('a');
    assert.equal(statSync(join(w.workspace, '.env')).mode & 0o777, 0o600);
  });
});

describe('runs at the same time', () => {
  test('share the exchange, and the last one puts back', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    w.open('a', true);
    appendFileSync(join(w.workspace, '.env'), 'ONE=1\n');
    assert.deepEqual(w.open('b', true).masks, []);
    assert.deepEqual(w.masker.close('a'), []);
    assert.ok(!w.read('.env').includes(VALUE));
    sh(w, 'echo TWO=2 > t; cat .env t > n; mv n .env');
    w.masker.close('b');
    assert.equal(w.read('.env'), `${ENV}ONE=1\nTWO=2\n`);
  });

  test('secrets/a run that only reads is still there when the one that writes ends: refused', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    w.open('writes', true);
    w.masker.open('reads', [{ source: w.workspace, target: '/data/x', mode: 'ro' }]);
    w.masker.close('writes');
    assert.ok(!w.read('.env').includes(VALUE));
    w.masker.close('reads');
    assert.equal(w.read('.env'), ENV);
  });

  test('a file over which a copy lies for one of the own scripts is covered for the others too', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    assert.equal(w.open('script').masks.length, 1);
    assert.equal(w.open('command', true).masks.length, 1);
    w.masker.close('script');
    w.masker.close('command');
    assert.equal(w.read('.env'), ENV);
  });
});

describe('what a hostile run does with it', () => {
  test('secrets/a placeholder written where no rule recognises its value: refused', () => {
    for (const exchange of [true, false]) {
      using w = makeWorld(detector);
      w.write('.env', TWO);
      const { masks } = w.open('a', exchange);
      const path = masks[0]?.source ?? join(w.workspace, '.env');
      const placeholder = /MASKED[A-Z2-7]+/.exec(readFileSync(path, 'utf8'))?.[0] ?? '';
      writeFileSync(path, `${readFileSync(path, 'utf8')}# it is ${placeholder}\n`);
      assert.equal(w.masker.close('a')[0]?.outcome, 'kept');
      assert.equal(w.read('.env'), TWO);
      w.open('b', true);
      assert.ok(!w.read('.env').includes(VALUE));
      w.masker.close('b');
    }
  });

  test('secrets/a file that is moved to a name under which its values are not recognised: refused', () => {
    using w = makeWorld(detector);
    w.write('.env', `TOKEN=abcd\nDB_PASSWORD=${VALUE}\n`);
    w.open('a', true);
    sh(w, 'mv .env notes.txt');
    assert.equal(w.masker.close('a')[0]?.outcome, 'kept');
    assert.ok(!w.read('notes.txt').includes(VALUE));
    assert.equal(removed(w).length, 1);
  });

  test('secrets/a damaged placeholder in a file that replaces it: refused', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    w.open('a', true);
    const placeholder = placeholderOf(w);
    sh(w, `sed -i 's/${placeholder}/${placeholder.slice(0, -1)}/' .env`);
    w.masker.close('a');
    assert.ok(!w.read('.env').includes(VALUE));
    assert.deepEqual(removed(w), [ENV]);
  });

  test('secrets/a folder of it that is replaced by a link out of the workspace: refused', () => {
    using w = makeWorld(detector);
    const outside = join(w.folder, '..', 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, '.env'), 'THEIRS=1\n');
    w.write('conf/.env', ENV);
    w.open('a', true);
    renameSync(join(w.workspace, 'conf'), join(w.workspace, 'away'));
    symlinkSync(outside, join(w.workspace, 'conf'));
    rmSync(join(w.workspace, 'away/.env'));
    w.masker.close('a');
    assert.equal(readFileSync(join(outside, '.env'), 'utf8'), 'THEIRS=1\n');
    assert.deepEqual(readdirSync(outside), ['.env']);
  });

  test('secrets/a link, a folder or a pipe in the place of the file: refused', () => {
    for (const script of ['ln -s /etc/passwd .env', 'mkdir .env', 'mkfifo .env']) {
      using w = makeWorld(detector);
      w.write('.env', ENV);
      w.open('a', true);
      sh(w, `rm .env; ${script}`);
      w.masker.close('a');
      assert.equal(lstatSync(join(w.workspace, '.env')).isFile(), false);
      assert.deepEqual(removed(w), [ENV]);
    }
  });
});

describe('nothing is lost', () => {
  test('after kill -9 the next process puts back, at every step', () => {
    for (const script of ['true', 'echo A=1 >> .env', 'rm .env', 'cp .env x; mv x .env']) {
      using w = makeWorld(detector);
      w.write('.env', ENV);
      w.open('a', true);
      sh(w, script);
      const settled = w.again().recover();
      if (script === 'rm .env') assert.deepEqual([settled[0]?.outcome, removed(w)], ['removed', [ENV]]);
      else assert.equal(w.read('.env'), script.startsWith('echo') ? `${ENV}A=1\n` : ENV);
      assert.deepEqual(leftovers(w), []);
      assert.deepEqual(w.again().recover(), []);
    }
  });

  test('a process that was killed between two steps leaves no second name of the file', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    w.open('a', true);
    const original = leftovers(w).find((name) => name.endsWith('.original')) ?? '';
    linkSync(join(w.folder, original), join(w.workspace, '.gatehouse.0123456789ab'));
    w.again().recover();
    assert.deepEqual(readdirSync(w.workspace), ['.env']);
    assert.equal(w.read('.env'), ENV);
  });

  test('a change of somebody outside stands', () => {
    using w = makeWorld(detector);
    w.write('.env', ENV);
    w.open('a', true);
    writeFileSync(join(w.workspace, '.new'), 'PORT=1\nDB_PASSWORD=fresh-Value77\n');
    renameSync(join(w.workspace, '.new'), join(w.workspace, '.env'));
    w.masker.close('a');
    assert.equal(w.read('.env'), 'PORT=1\nDB_PASSWORD=fresh-Value77\n');
    assert.deepEqual(removed(w), [ENV]);
  });

  test('so many files are exchanged for one run, and copies are laid over the rest', () => {
    using w = makeWorld(detector);
    for (let index = 0; index <= MAX_EXCHANGED; index += 1) w.write(`d${index}/.env`, ENV);
    assert.equal(w.open('a', true).masks.length, 1);
    w.masker.close('a');
    for (let index = 0; index <= MAX_EXCHANGED; index += 1) assert.equal(w.read(`d${index}/.env`), ENV);
  });

  test('so many originals are retained, the oldest go first', () => {
    using w = makeWorld(detector);
    for (let index = 0; index <= MAX_RETAINED; index += 1) {
      w.write('.env', `${ENV}N=${index}\n`);
      w.open('a', true);
      rmSync(join(w.workspace, '.env'));
      w.masker.close('a');
    }
    prune(w.folder);
    const left = removed(w);
    assert.equal(left.length, MAX_RETAINED);
    assert.ok(!left.includes(`${ENV}N=0\n`) && left.includes(`${ENV}N=${MAX_RETAINED}\n`));
  });
});

/** What a run may do to the files of a small workspace; names and words are chosen so that things meet. */
type Step =
  | { readonly op: 'append' | 'replace'; readonly name: string; readonly line: string }
  | { readonly op: 'move' | 'copy' | 'link'; readonly name: string; readonly to: string }
  | { readonly op: 'delete'; readonly name: string }
  | { readonly op: 'placeholder'; readonly from: string; readonly name: string; readonly before: string };

const NAMES = ['.env', 'conf/.env', 'notes.txt', 'conf/settings.json', '.npmrc'];
const name = fc.constantFrom(...NAMES);
const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    op: fc.constantFrom('append' as const, 'replace' as const),
    name,
    line: fc.constantFrom('A=1', '# x', ''),
  }),
  fc.record({ op: fc.constantFrom('move' as const, 'copy' as const, 'link' as const), name, to: name }),
  fc.record({ op: fc.constant('delete' as const), name }),
  fc.record({
    op: fc.constant('placeholder' as const),
    from: name,
    name,
    before: fc.constantFrom('', 'DB_PASSWORD=', 'note ', '"token": "', '//r/:_authToken=', 'x=1;'),
  }),
);

function apply(w: World, step: Step): void {
  const at = (file: string) => join(w.workspace, file);
  try {
    if (step.op === 'append') appendFileSync(at(step.name), `${step.line}\n`);
    if (step.op === 'replace') {
      writeFileSync(at('.tmp'), `${w.read(step.name)}${step.line}\n`);
      renameSync(at('.tmp'), at(step.name));
    }
    if (step.op === 'move') renameSync(at(step.name), at(step.to));
    if (step.op === 'copy') copyFileSync(at(step.name), at(step.to));
    if (step.op === 'link') linkSync(at(step.name), at(step.to));
    if (step.op === 'delete') rmSync(at(step.name));
    if (step.op === 'placeholder')
      appendFileSync(at(step.name), `${step.before}${placeholderOf(w, step.from)}\n`);
  } catch {
    // There is no such file: the run gets an error.
  }
}

const everything = (w: World): string =>
  readdirSync(w.workspace, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');

test('whatever runs do with the files, no run ever sees a value', () => {
  const runs = fc.array(fc.tuple(fc.boolean(), fc.array(STEP, { maxLength: 6 })), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(runs, (all) => {
      using w = makeWorld(detector);
      w.write('.env', TWO);
      w.write('conf/.env', `OTHER_SECRET=${OTHER}\n`);
      w.write('notes.txt', 'nothing\n');
      all.forEach(([overlaps, steps], index) => {
        const run = `r${index}`;
        w.open(run, true);
        if (overlaps) w.open(`${run}o`, true);
        const before = everything(w);
        for (const value of [VALUE, OTHER]) assert.ok(!before.includes(value), 'at the start of a run');
        for (const step of steps) apply(w, step);
        w.masker.close(run);
        if (overlaps) {
          const during = everything(w);
          for (const value of [VALUE, OTHER]) assert.ok(!during.includes(value), 'while another run goes on');
          w.masker.close(`${run}o`);
        }
        assert.deepEqual(leftovers(w), []);
      });
    }),
    {
      seed: 20_261_128,
      numRuns: 120,
      examples: [
        [
          [
            [false, [{ op: 'move', name: '.env', to: 'notes.txt' }]],
            [false, []],
          ],
        ],
        [
          [
            [false, [{ op: 'placeholder', from: '.env', name: '.env', before: 'note ' }]],
            [false, []],
          ],
        ],
        [
          [
            [
              false,
              [
                { op: 'copy', name: '.env', to: 'conf/.env' },
                { op: 'delete', name: '.env' },
              ],
            ],
            [true, []],
          ],
        ],
      ],
    },
  );
});
