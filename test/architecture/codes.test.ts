import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ALL_CODES } from '../../scripts/reference/code-tables.ts';
import { DECISION_CODES } from '../../src/kernel/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Text of every source file that is not a test and not a table of codes. */
function sources(): string {
  const files = globSync('src/**/*.ts', { cwd: ROOT }).filter(
    (file) => !file.endsWith('.test.ts') && !file.endsWith('codes.ts') && !file.includes('/testing/'),
  );
  return files.map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n');
}

const listed = ALL_CODES.flatMap(({ table }) => Object.keys(table));

test('every failure code is listed exactly once, apart from the codes of decisions', () => {
  assert.equal(new Set(listed).size, listed.length);
  const decisions = Object.values(DECISION_CODES).flatMap((codes) => Object.values(codes));
  assert.deepEqual(
    decisions.filter((code) => listed.includes(code)),
    [],
  );
});

test('every listed code can happen: some source names it', () => {
  const text = sources();
  const kernel = new Set(['KERNEL_INTERNAL', 'KERNEL_UNLISTED_CODE']);
  const unused = listed.filter((code) => !kernel.has(code) && !new RegExp(`\\b${code}\\b`).test(text));
  assert.deepEqual(unused, []);
});

test('every code is named for its folder and says what to do', () => {
  for (const { title, table } of ALL_CODES) {
    for (const [code, { summary, fix, status }] of Object.entries(table)) {
      assert.match(code, /^[A-Z]+(_[A-Z0-9]+)+$/, title);
      assert.ok(summary.length > 10 && fix.length > 10, `${code} explains too little`);
      // 200 marks a warning: the thing goes on, and the operator is told.
      assert.ok(status === 200 || (status >= 400 && status < 600), `${code} has status ${status}`);
    }
  }
});
