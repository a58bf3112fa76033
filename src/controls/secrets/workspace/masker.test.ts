import assert from 'node:assert/strict';
import {
  appendFileSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { type Detector, loadDetector } from '../index.ts';
import type { MaskLimits } from './limits.ts';
import { makeWorld, type World } from './testing/world.ts';

const VALUE = 'hunter2-Battery9';
const ENV = `PORT=80\nDB_PASSWORD=${VALUE}\n`;

let detector: Detector;
before(async () => {
  detector = await loadDetector();
});
const world = (limits: Partial<MaskLimits> = {}) => makeWorld(detector, limits);

const text = (path: string) => readFileSync(path, 'latin1');
const change = (path: string, from: string, to: string) => writeFileSync(path, text(path).replace(from, to));
const placeholderIn = (path: string) => /MASKED[A-Z2-7]+/.exec(text(path))?.[0] ?? '';

describe('what a run sees', () => {
  test('a copy with a placeholder, the same one in every run and every file', () => {
    using w = world();
    w.write('.env', ENV);
    w.write('sub/.env.test', `TOKEN=${VALUE}\n`);
    const { masks, nested } = w.open();
    assert.deepEqual(masks.map(({ target }) => target).sort(), [
      '/workspace/.env',
      '/workspace/sub/.env.test',
    ]);
    assert.equal(nested, true);
    const [first = '', second = ''] = masks.map(({ source }) => placeholderIn(source));
    assert.ok(first.length > 16);
    assert.equal(first, second);
    for (const { source } of masks) assert.ok(!text(source).includes(VALUE));
    w.masker.close('a');
    assert.equal(placeholderIn(w.seen('.env', 'b')), first);
  });

  test('nothing of an unchanged file is written, not even its time', () => {
    using w = world();
    const path = w.write('.env', ENV);
    const was = statSync(path, { bigint: true });
    w.seen('.env');
    assert.deepEqual(w.masker.close('a'), []);
    const is = statSync(path, { bigint: true });
    assert.deepEqual([is.ino, is.mtimeNs, is.ctimeNs], [was.ino, was.mtimeNs, was.ctimeNs]);
    assert.deepEqual(readdirSync(w.folder).sort(), ['closed', 'closed.d', 'key', 'places']);
  });

  test('a file under two names is masked under both; a link is followed inside, where it meets the copy', () => {
    using w = world();
    const path = w.write('.env', ENV);
    linkSync(path, join(w.workspace, 'other.txt'));
    symlinkSync('.env', join(w.workspace, 'link'));
    const { masks } = w.open();
    assert.deepEqual(masks.map(({ target }) => target).sort(), ['/workspace/.env', '/workspace/other.txt']);
    assert.equal(new Set(masks.map(({ source }) => source)).size, 1);
  });

  test('a new credential file of the middle of a session', () => {
    using w = world();
    assert.deepEqual(w.open('a').masks, []);
    w.write('later/.npmrc', '//r.example/:_authToken=0123-4567-89');
    assert.equal(w.open('b').masks.length, 1);
  });
});

test('what was read ahead is not read again for the next run, unless it has changed since', () => {
  const read: string[] = [];
  const watched: Detector = {
    find: (content, path = '') => {
      read.push(path.split('/').at(-1) ?? '');
      return detector.find(content, path);
    },
  };
  using w = makeWorld(watched);
  w.write('plain.txt', 'nothing here');
  w.write('later.txt', 'nothing yet');
  w.masker.lookAhead([{ source: w.workspace, target: '/workspace', mode: 'rw' }]);
  assert.deepEqual(read.sort(), ['later.txt', 'plain.txt']);
  read.length = 0;
  w.write('later.txt', ENV);
  assert.deepEqual(
    w.open().masks.map(({ target }) => target),
    ['/workspace/later.txt'],
  );
  assert.equal(read.includes('plain.txt'), false);
});

describe('what is not readable at all', () => {
  const closed = (w: World, name: string) => text(w.seen(name)) === '';

  test('credentials in archives, in UTF-16 and in binary files that cannot hold a placeholder', () => {
    using w = world();
    w.write('a.gz', gzipSync(ENV));
    w.write('utf16.txt', Buffer.from(`\ufeffDB_PASSWORD=${VALUE}`, 'utf16le'));
    w.write('short.bin', Buffer.concat([Buffer.alloc(16), Buffer.from('https://u:short@h.example')]));
    for (const name of ['a.gz', 'utf16.txt', 'short.bin']) assert.ok(closed(w, name), name);
  });

  test('a binary file whose credentials are long enough keeps its length', () => {
    using w = world();
    const value = `Zx81kQpLw92mVnB7${'q'.repeat(8)}`;
    w.write('data.bin', Buffer.concat([Buffer.alloc(16), Buffer.from(`token=${value}\0rest`)]));
    const copy = w.seen('data.bin');
    assert.equal(text(copy).length, w.read('data.bin').length);
    assert.ok(!text(copy).includes(value));
  });

  test('secrets/an archive that unpacks to more than is looked at: refused', () => {
    using w = world({ unpackedBytes: 1_000 });
    w.write('limit.gz', gzipSync(Buffer.alloc(1_000)));
    w.write('past.gz', gzipSync(Buffer.alloc(1_001)));
    assert.deepEqual(
      w.open().masks.map(({ target }) => target),
      ['/workspace/past.gz'],
    );
  });

  test('a file of the largest size that is looked at, and one byte more', () => {
    using w = world({ scannedBytes: 5_000 });
    w.write('limit', Buffer.alloc(5_000));
    w.write('past', Buffer.alloc(5_001));
    assert.deepEqual(
      w.open().masks.map(({ target }) => target),
      ['/workspace/past'],
    );
  });

  test('a file with a credential of the largest size that is copied, and one byte more', () => {
    using w = world({ maskedBytes: 1_000 });
    const filled = (size: number) => `${ENV}${'#'.repeat(size - ENV.length)}`;
    w.write('.env', filled(1_000));
    w.write('more/.env', filled(1_001));
    assert.ok(placeholderIn(w.seen('.env', 'a')) !== '');
    assert.equal(text(w.seen('more/.env', 'b')), '');
  });
});

test('secrets/more files, or more files with credentials, than a run can have: refused', () => {
  using w = world({ masks: 2, files: 3 });
  w.write('1/.env', ENV);
  w.write('2/.env', ENV);
  w.write('a', 'x');
  assert.equal(w.open('a').masks.length, 2);
  w.write('a', ENV);
  assert.throws(() => w.open('b'), { code: 'SECRETS_TOO_MANY_FILES' });
  w.write('b', 'x');
  assert.throws(() => w.open('c'), { code: 'SECRETS_WORKSPACE_TOO_LARGE' });
});

describe('what a run writes', () => {
  test('another line is changed and the value stays', () => {
    using w = world();
    w.write('.env', ENV);
    change(w.seen('.env'), 'PORT=80', 'PORT=81');
    assert.deepEqual(w.masker.close('a'), [{ path: join(w.workspace, '.env'), outcome: 'written' }]);
    assert.equal(w.read('.env'), ENV.replace('80', '81'));
  });

  test('a value that is removed is gone, one that is replaced is the new one', () => {
    using w = world();
    w.write('.env', ENV);
    const copy = w.seen('.env');
    change(copy, placeholderIn(copy), 'fresh');
    w.masker.close('a');
    assert.equal(w.read('.env'), 'PORT=80\nDB_PASSWORD=fresh\n');
    truncateSync(w.write('.env', ENV), 0);
    w.write('.env', ENV);
    writeFileSync(w.seen('.env', 'b'), '');
    w.masker.close('b');
    assert.equal(w.read('.env'), '');
  });

  test('a copy that the run made elsewhere holds the placeholder only', () => {
    using w = world();
    w.write('.env', ENV);
    const copy = w.seen('.env');
    w.write('copy.txt', text(copy));
    w.masker.close('a');
    assert.ok(!w.read('copy.txt').includes(VALUE));
    assert.ok(!w.open('b').masks.some(({ target }) => target === '/workspace/copy.txt'));
  });

  test('the way back follows a folder that the run has moved', () => {
    using w = world();
    w.write('conf/.env', ENV);
    const copy = w.seen('conf/.env');
    renameSync(join(w.workspace, 'conf'), join(w.workspace, 'moved'));
    appendFileSync(copy, 'MORE=1\n');
    w.masker.close('a');
    assert.equal(w.read('moved/.env'), `${ENV}MORE=1\n`);
  });

  test('a file with two names is still one file afterwards', () => {
    using w = world();
    linkSync(w.write('.env', ENV), join(w.workspace, 'other.txt'));
    appendFileSync(w.seen('.env'), 'MORE=1\n');
    w.masker.close('a');
    assert.equal(w.read('other.txt'), `${ENV}MORE=1\n`);
    assert.equal(statSync(join(w.workspace, '.env')).nlink, 2);
    assert.deepEqual(readdirSync(w.workspace).sort(), ['.env', 'other.txt']);
  });

  test('runs at the same time see one copy, and it is written back when the last one ends', () => {
    using w = world();
    w.write('.env', ENV);
    const first = w.seen('.env', 'a');
    appendFileSync(first, 'ONE=1\n');
    const second = w.seen('.env', 'b');
    assert.equal(second, first);
    assert.deepEqual(w.masker.close('a'), []);
    assert.equal(w.read('.env'), ENV);
    appendFileSync(second, 'TWO=2\n');
    w.masker.close('b');
    assert.equal(w.read('.env'), `${ENV}ONE=1\nTWO=2\n`);
  });
});

describe('nothing is lost', () => {
  const kept = (w: World) => {
    const folder = join(w.folder, 'kept');
    return readdirSync(folder).map((name) => text(join(folder, name)));
  };

  test('a change of somebody outside stands, and what the run wrote is kept beside it', () => {
    using w = world();
    w.write('.env', ENV);
    appendFileSync(w.seen('.env'), 'RUN=1\n');
    w.write('.env', `${ENV}OUTSIDE=1\n`);
    const [settled] = w.masker.close('a');
    assert.equal(settled?.outcome, 'kept');
    assert.equal(w.read('.env'), `${ENV}OUTSIDE=1\n`);
    assert.match(kept(w).join(), /MASKED.*\nRUN=1/);
  });

  test('secrets/a broken placeholder in place of a value: refused', () => {
    using w = world();
    w.write('.env', ENV);
    const copy = w.seen('.env');
    const placeholder = placeholderIn(copy);
    change(copy, placeholder, placeholder.slice(0, -1));
    const broken = text(copy);
    assert.equal(w.masker.close('a')[0]?.outcome, 'kept');
    assert.equal(w.read('.env'), ENV);
    assert.ok(kept(w).includes(broken));
  });

  test('a replaced file stops the runs that may see it', () => {
    using w = world();
    w.write('.env', ENV);
    w.open('a');
    w.write('.new', ENV);
    renameSync(join(w.workspace, '.new'), join(w.workspace, '.env'));
    w.open('b');
    assert.deepEqual(w.replaced.at(-1), ['a']);
  });

  test('after kill -9 the next process writes back, also when the first had done half of it', () => {
    using w = world();
    w.write('.env', ENV);
    appendFileSync(w.seen('.env'), 'RUN=1\n');
    const left = readdirSync(w.folder).filter((name) => /\.(json|masked)$/.test(name));
    const saved = left.map((name) => [name, readFileSync(join(w.folder, name))] as const);
    assert.deepEqual(w.again().recover(), [{ path: join(w.workspace, '.env'), outcome: 'written' }]);
    assert.equal(w.read('.env'), `${ENV}RUN=1\n`);
    for (const [name, content] of saved) writeFileSync(join(w.folder, name), content);
    assert.equal(w.again().recover()[0]?.outcome, 'written');
    assert.equal(w.read('.env'), `${ENV}RUN=1\n`);
    assert.deepEqual(w.again().recover(), []);
  });
});

test('whatever a file holds: what a run sees has none of its credentials, and doing nothing changes nothing', () => {
  const word = fc.constantFrom('PORT=80', '# a note', 'x', '', '{"a":1}', 'MASKED', 'é', '\r', 'export A=b');
  const value = fc
    .stringMatching(/^[A-Za-z][A-Za-z0-9+_@!-]{9,30}[0-9][a-z]$/)
    .filter((item) => new Set(item).size > 7);
  const secretLine = value.map((item) => ({ value: item, line: `MY_PASSWORD=${item}` }));
  const url = value
    .filter((item) => !/[@+]/.test(item))
    .map((item) => ({ value: item, line: `DB=postgres://u:${item}@h.example/x` }));
  const plain = word.map((line) => ({ value: undefined, line }));
  using w = world();
  fc.assert(
    fc.property(
      fc.array(fc.oneof(plain, secretLine, url), { maxLength: 12 }),
      fc.boolean(),
      (lines, edits) => {
        const content = lines.map(({ line }) => line).join('\n');
        w.write('.env', Buffer.from(content, 'utf8'));
        const was = w.read('.env');
        const { masks } = w.open();
        const seen = masks[0] === undefined ? was : text(masks[0].source);
        for (const line of lines)
          if (line.value !== undefined) assert.ok(!seen.includes(line.value), line.line);
        if (edits && masks[0] !== undefined) appendFileSync(masks[0].source, '\nADDED=1');
        w.masker.close('a');
        assert.equal(w.read('.env'), edits && masks[0] !== undefined ? `${was}\nADDED=1` : was);
      },
    ),
    // A seed that once failed: a value that held the mark of placeholders.
    {
      numRuns: 150,
      examples: [[[{ value: 'MASKEDaaBBccDD1x', line: 'MY_PASSWORD=MASKEDaaBBccDD1x' }], true]],
    },
  );
});
