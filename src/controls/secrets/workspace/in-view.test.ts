import assert from 'node:assert/strict';
import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { type Detector, loadDetector } from '../index.ts';
import { makeWorld, removed, sh, type World } from './testing/world.ts';

const OTHER = 'correct7-Horse8-staple';

let detector: Detector;
before(async () => {
  detector = await loadDetector();
});

describe('a run puts a file with credentials where the next run would see it', () => {
  const GITHUB = `ghp_${'aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'}`;
  /** What a run that comes later reads of every file of the workspace. */
  const readLater = (w: World): string => {
    const covered = new Set(w.open('later', true).masks.map(({ target }) => target));
    const files = readdirSync(w.workspace, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !covered.has(`/workspace${path.slice(w.workspace.length)}`));
    const seen = files.map((path) => readFileSync(path, 'latin1')).join('\n');
    w.masker.close('later');
    return seen;
  };

  const tries: Readonly<Record<string, string>> = {
    'moved among the objects of git': 'mkdir -p x/.git/objects; mv conf/.env x/.git/objects/.env',
    'its folder renamed to the objects of git': 'mkdir -p x/.git; mv conf x/.git/objects',
    'moved there under the name of an object':
      'mkdir -p .git/objects/ab; mv conf/.env .git/objects/ab/cdef01',
    'moved there with the first bytes of an object':
      'mkdir -p .git/objects; printf "x\\001" | cat - conf/.env > t; cat t > conf/.env; mv conf/.env .git/objects/a',
    'moved there with the first bytes of a pack':
      'mkdir -p .git/objects; printf "PACK" | cat - conf/.env > t; cat t > conf/.env; mv conf/.env .git/objects/a',
    'declared to be UTF-16': 'printf "\\377\\376" | cat - conf/.env > t; cat t > conf/.env',
    'declared to be an empty zip file':
      'end=$(printf "\\120\\113\\005\\006%018d" 0 | tr 0 "\\000" | od -An -v -to1 | tr -d " \\n" | sed "s/.../\\\\\\\\&/g"); ' +
      'printf "PK\\003\\004\\n" > t; cat conf/.env >> t; printf "$end" >> t; cat t > conf/.env',
  };
  for (const [title, script] of Object.entries(tries)) {
    test(`secrets/a file with a credential is ${title}: refused`, () => {
      using w = makeWorld(detector);
      w.write('conf/.env', `TOKEN=${GITHUB}\n`);
      w.open('a', true);
      sh(w, script);
      w.masker.close('a');
      assert.ok(!readLater(w).includes(GITHUB));
    });
  }

  test('secrets/the folder of a file under a copy is renamed: refused', () => {
    using w = makeWorld(detector);
    w.write('.docker/config.json', `{"auths":{"a":{"auth":"${OTHER}"}}}`);
    assert.equal(w.open('a').masks.length, 1);
    sh(w, 'mv .docker other');
    const [settled] = w.masker.close('a');
    assert.equal(settled?.outcome, 'kept');
    assert.ok(!readLater(w).includes(OTHER));
    assert.ok(
      removed(w).some((text) => text.includes(OTHER)),
      'the original is not lost',
    );
  });

  test('secrets/a run makes the file larger than what can be read: refused, and the original is not lost', () => {
    using w = makeWorld(detector, { maskedBytes: 100_000 });
    w.write('.env', `TOKEN=${GITHUB}\n`);
    w.open('a', true);
    sh(w, 'truncate -s 3G .env');
    const [settled] = w.masker.close('a');
    assert.equal(settled?.outcome, 'kept');
    assert.equal(lstatSync(join(w.workspace, '.env')).size, 3 * 1024 ** 3);
    assert.ok(removed(w).some((text) => text.includes(GITHUB)));
    rmSync(join(w.workspace, '.env'));
    assert.ok(!readLater(w).includes(GITHUB));
  });

  test('secrets/a password moves to a file of another name: refused', () => {
    using w = makeWorld(detector);
    w.write('.pgpass', `localhost:5432:db:me:${OTHER}\n`);
    w.open('a', true);
    sh(w, 'cp .pgpass notes.txt; rm .pgpass');
    w.masker.close('a');
    assert.ok(!readLater(w).includes(OTHER));
  });

  test('what git wrote stays as it is, and can be read', () => {
    using w = makeWorld(detector);
    w.write('a.txt', 'nothing\n');
    sh(
      w,
      'git init -q; git add a.txt; git commit -qm one; git gc -q; echo more >> a.txt; git commit -qam two',
    );
    assert.deepEqual(w.open('a', true).masks, []);
    assert.equal(sh(w, 'git fsck; git log --format=%s').trim().split('\n').length, 2);
  });
});
