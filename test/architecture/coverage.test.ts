import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ALL_CODES } from '../../scripts/reference/code-tables.ts';
import {
  isProvable,
  PROVEN_FINDINGS,
  PROVING_DRILLS,
  WITHOUT_DRILL,
} from '../../src/operations/doctor/proofs.ts';
import { DRILLS } from '../../src/operations/drill/catalogue.ts';
import { UNTESTED } from './untested.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** Everything that tests say, apart from the lists of this folder. */
const tested = globSync(
  ['{src,test}/**/*.test.ts', 'src/**/testing/**/*.ts', 'src/**/golden/*.txt', 'test/fixtures/*.ts'],
  {
    cwd: ROOT,
  },
)
  .map(read)
  .join('\n');
const drilled = new Set(DRILLS.flatMap(({ codes }) => codes));
const isNamed = (code: string) =>
  drilled.has(code) || new RegExp(`(?<![\\w.-])${code.replaceAll('.', '\\.')}(?![\\w-])`).test(tested);

/** Where findings are made. */
const checks = globSync(
  [
    'src/**/*checks.ts',
    'src/**/certificates.ts',
    'src/processes/gateway/findings.ts',
    'src/operations/doctor/*.ts',
  ],
  { cwd: ROOT },
).filter((file) => !file.endsWith('proofs.ts'));

function findingIds(): readonly string[] {
  const ids = checks.flatMap((file) =>
    [
      ...read(file).matchAll(
        /(?:\bid: (?:\w+ \? )?|(?:finding|found|one|report)\(\s*)'([a-z]+\.[a-z-]+|[A-Z]+(?:_[A-Z]+)+)'(?: : '([a-z]+\.[a-z-]+)')?/g,
      ),
    ].flatMap(([, first, second]) => [first, second].filter((id) => id !== undefined)),
  );
  // `doctor.run` and the like are operations, which are made in the same folder.
  return [...new Set(ids)].filter((id) => !/^doctor\.[a-z]+$/.test(id));
}

test('every refusal code is tried by a drill or named by a test, or says why it is not', () => {
  const codes = ALL_CODES.flatMap(({ table }) => Object.keys(table));
  assert.deepEqual(
    codes.filter((code) => !isNamed(code) && UNTESTED[code] === undefined),
    [],
    'write a test that names the code, or take the code away when nobody can reach it',
  );
});

test('every finding is named by a test', () => {
  const ids = findingIds();
  assert.ok(ids.length > 25, ids.join(' '));
  assert.deepEqual(
    ids.filter((id) => !isNamed(id) && UNTESTED[id] === undefined),
    [],
  );
});

test('what is listed as untested is a code or a finding, and says why', () => {
  const known = new Set([...ALL_CODES.flatMap(({ table }) => Object.keys(table)), ...findingIds()]);
  for (const [code, why] of Object.entries(UNTESTED)) {
    assert.ok(known.has(code), `${code} does not exist any more`);
    assert.ok(why.length > 20, code);
  }
});

test('every finding is about a requirement that a drill proves, or that says why none can', () => {
  for (const file of checks)
    for (const [, list = ''] of read(file).matchAll(/requirements: \[([^\]]*)\]/g)) {
      const ids = list.split(',').map((id) => id.trim().replaceAll("'", ''));
      assert.ok(
        ids.some((id) => id === '' || isProvable(id) || (WITHOUT_DRILL[id] ?? '').length > 20),
        `${file}: ${list}`,
      );
    }
});

test('every drill that a finding names exists, and so does every finding that a drill is named for', () => {
  const drills = DRILLS.map(({ id }) => id);
  for (const drill of PROVING_DRILLS) assert.ok(drills.includes(drill), drill);
  const ids = findingIds();
  const missing = PROVEN_FINDINGS.filter((id) => !ids.includes(id));
  assert.deepEqual(missing, []);
});
