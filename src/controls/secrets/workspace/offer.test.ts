import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { CREDENTIAL_KINDS, isOfKind } from './kinds.ts';
import { keyBefore, MAX_OFFERED, offered, type SeenValue, type WantedSecret } from './offer.ts';
import { FirstPlaces, MAX_PLACED } from './places.ts';

const GITHUB = ['ghp', '_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'].join('');
let count = 0;
const seen = (value: string, more: Partial<SeenValue> = {}): SeenValue => ({
  placeholder: `MASKEDAAAAAAAA${++count}`,
  value,
  key: 'TOKEN',
  inUrl: false,
  file: '/workspace/.env',
  inPlace: true,
  ...more,
});
const want = (selector: WantedSecret['selector'], name = 'A'): WantedSecret => ({ name, selector });
const values = (wanted: readonly WantedSecret[], all: readonly SeenValue[]) =>
  offered(wanted, all).map(({ name, value }) => [name, value]);

describe('which credentials of a workspace egress hears of', () => {
  test('those that file, key and kind name together, and no others', () => {
    const all = [
      seen('first-value'),
      seen('other-key-value', { key: 'OTHER' }),
      seen('other-file-value', { file: '/workspace/a/.env' }),
      seen(GITHUB, { key: undefined, file: '/workspace/x' }),
    ];
    assert.deepEqual(values([want({ file: '/workspace/.env', key: 'TOKEN' })], all), [['A', 'first-value']]);
    assert.deepEqual(values([want({ file: '/workspace/a/.env' })], all), [['A', 'other-file-value']]);
    assert.deepEqual(values([want({ kind: 'github' })], all), [['A', GITHUB]]);
    assert.deepEqual(values([want({ file: '/workspace/.env', kind: 'github' })], all), []);
    assert.deepEqual(values([], all), []);
    assert.deepEqual(
      values(
        [want({})],
        all.map((one) => ({ ...one, inPlace: false })),
      ),
      [],
    );
  });

  test('secrets/a value that a run carried to a bound place: refused; what a kind names counts anywhere', () => {
    const moved = [seen('carried-value', { inPlace: false }), seen(GITHUB, { inPlace: false })];
    assert.deepEqual(values([want({ file: '/workspace/.env', key: 'TOKEN' })], moved), []);
    assert.deepEqual(values([want({ kind: 'github' })], moved), [['A', GITHUB]]);
  });

  test('secrets/what no header can carry or nothing could find again in an answer: refused', () => {
    const odd = ['short', 'two\nlines-of-it', ' leading-space', 'umlaut-ü-value', 'x'.repeat(8_193)];
    assert.deepEqual(
      values(
        [want({ key: 'TOKEN' })],
        odd.map((value) => seen(value)),
      ),
      [],
    );
    assert.equal(values([want({ key: 'TOKEN' })], [seen('x'.repeat(8_192)), seen('x'.repeat(8))]).length, 2);
  });

  test('what stands percent-encoded in a URL is decoded, and a broken one is left out', () => {
    const all = [seen('p%40ssw%2Frd', { inUrl: true }), seen('p%4-broken', { inUrl: true })];
    assert.deepEqual(values([want({ key: 'TOKEN' })], all), [['A', 'p@ssw/rd']]);
  });

  test('at most so many of one run, and one more is not offered', () => {
    const many = Array.from({ length: MAX_OFFERED + 1 }, (_, index) => seen(`value-number-${index}`));
    assert.equal(offered([want({ key: 'TOKEN' })], many).length, MAX_OFFERED);
  });

  test('every kind knows an example of its own and no other kind does', () => {
    const examples: Readonly<Record<keyof typeof CREDENTIAL_KINDS, string>> = {
      anthropic: 'sk-ant-api03-x',
      docker: 'dckr_pat_x',
      github: 'github_pat_x',
      gitlab: 'glpat-x',
      grafana: 'glsa_x',
      huggingface: 'hf_x',
      npm: 'npm_x',
      openai: 'sk-proj-x',
      pypi: 'pypi-x',
      sendgrid: 'SG.x',
      slack: 'xoxb-x',
      stripe: 'sk_live_x',
      vault: 'hvs.x',
    };
    for (const [kind, example] of Object.entries(examples)) {
      const found = Object.keys(CREDENTIAL_KINDS).filter((one) => isOfKind(example, one));
      assert.deepEqual(found, [kind]);
    }
    assert.equal(isOfKind('toString', 'toString'), false);
  });
});

test('the name beside a value is read as settings files write it', () => {
  const lines: readonly (readonly [string, string | undefined])[] = [
    ['FORGE_TOKEN=', 'FORGE_TOKEN'],
    ['export FORGE_TOKEN="', 'FORGE_TOKEN'],
    ['  "apiKey" : "', 'apiKey'],
    ["password: '", 'password'],
    ['//registry.example/:_authToken=', '_authToken'],
    ['machine x login y password ', 'password'],
    ['https://user:', undefined],
    ['A=1\n', undefined],
    ['', undefined],
  ];
  for (const [before, key] of lines) {
    const found = keyBefore(`${before}value`, before.length);
    if (before !== 'https://user:') assert.equal(found, key, before);
  }
});

describe('where a credential was first seen', () => {
  const folder = () => mkdtempSync(join(tmpdir(), 'gh-places-'));

  test('later places do not count, also after a restart, and the file is for its account alone', () => {
    const root = folder();
    const file = join(root, 'places.json');
    const first = { placeholder: 'P', place: 'a#K' };
    const later = { placeholder: 'P', place: 'b#K' };
    const both = new FirstPlaces(file).see(root, [first]);
    assert.ok(both.has(first));
    const again = new FirstPlaces(file);
    assert.deepEqual([...again.see(root, [first, later])], [first]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    rmSync(root, { recursive: true });
  });

  test('secrets/a list of places that was damaged binds nothing anew: refused', () => {
    const root = folder();
    const file = join(root, 'places.json');
    for (const text of ['{', '{"version":2,"roots":{}}', 'null', '']) {
      writeFileSync(file, text);
      assert.equal(new FirstPlaces(file).see(root, [{ placeholder: 'P', place: 'a#K' }]).size, 0);
      assert.equal(readFileSync(file, 'utf8'), text);
    }
    rmSync(root, { recursive: true });
  });

  test('so many values are remembered, and one more is in no place', () => {
    const root = folder();
    const all = Array.from({ length: MAX_PLACED + 1 }, (_, index) => ({
      placeholder: `P${index}`,
      place: 'a#K',
    }));
    assert.equal(new FirstPlaces(join(root, 'places.json')).see(root, all).size, MAX_PLACED);
    rmSync(root, { recursive: true });
  });

  test('whatever is moved where in whatever order, a value is only ever in a place of its first sight', () => {
    const looks = fc.array(
      fc.array(
        fc.record({
          placeholder: fc.constantFrom('P', 'Q', 'R'),
          place: fc.constantFrom('a#K', 'b#K', 'c#K'),
        }),
      ),
      { maxLength: 8 },
    );
    const root = folder();
    let run = 0;
    fc.assert(
      fc.property(looks, (all) => {
        const places = new FirstPlaces(join(root, `${++run}.json`));
        const firsts = new Map<string, Set<string>>();
        for (const look of all) {
          const fresh = look.filter(({ placeholder }) => !firsts.has(placeholder));
          for (const { placeholder, place } of fresh)
            firsts.set(placeholder, (firsts.get(placeholder) ?? new Set()).add(place));
          const here = places.see(root, look);
          for (const one of look) assert.equal(here.has(one), firsts.get(one.placeholder)?.has(one.place));
        }
      }),
      { seed: 1_604_017, numRuns: 100 },
    );
    rmSync(root, { recursive: true });
  });
});
