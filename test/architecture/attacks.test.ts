import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DRILLS } from '../../src/operations/drill/catalogue.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Lines of the catalogue of attacks that the page answers. */
const LINES = 99;

interface Row {
  readonly line: number;
  readonly tests: readonly (readonly [file: string, title: string])[];
  readonly cell: string;
}

const rows: readonly Row[] = readFileSync(join(ROOT, 'docs/attacks.md'), 'utf8')
  .split('\n')
  .flatMap((text) => {
    const [, line, cell] = /^\| (\d+) \| [^|]+ \| (.+) \|$/.exec(text) ?? [];
    if (line === undefined || cell === undefined) return [];
    const tests = cell.split('<br>').flatMap((part) => {
      const [, file, title] = /^`([^`]+)`: (.+)$/.exec(part.trim()) ?? [];
      return file === undefined || title === undefined ? [] : [[file, title] as const];
    });
    return [{ line: Number(line), tests, cell }];
  });

function pathOf(file: string): string {
  if (file.startsWith('e2e/')) return `test/${file}.test.ts`;
  return file.includes('/conformance/') ? `src/${file}.ts` : `src/${file}.test.ts`;
}

const texts = new Map<string, string>();
/** Source of a test file without the escapes of its quotes. */
function sourceOf(file: string): string {
  const path = join(ROOT, pathOf(file));
  const text = texts.get(path) ?? (existsSync(path) ? readFileSync(path, 'utf8') : '');
  texts.set(path, text);
  return text.replaceAll("\\'", "'");
}

/** A title may be followed by a remark, as a sentence of its own. */
function isThere(file: string, title: string): boolean {
  const source = sourceOf(file);
  const ends = [...title.matchAll(/\. (?=[A-Z])/g)].map(({ index }) => title.slice(0, index));
  return [title, ...ends].some((name) => name.length > 6 && source.includes(name));
}

test('every line of the catalogue of attacks stands on the page once, in order', () => {
  assert.deepEqual(
    rows.map(({ line }) => line),
    Array.from({ length: LINES }, (_, at) => at + 1),
  );
});

test('every attack names a test that exists, or says why it does not apply', () => {
  for (const { line, tests, cell } of rows) {
    if (cell.startsWith('n/a: ')) assert.ok(cell.length > 40, `attack ${line} gives no reason`);
    else assert.ok(tests.length > 0, `attack ${line} names no test`);
  }
  const gone = rows.flatMap(({ line, tests }) =>
    tests.flatMap(([file, title]) => (isThere(file, title) ? [] : [`${line} ${pathOf(file)}: ${title}`])),
  );
  assert.deepEqual(gone, []);
});

test('what a model could do is tried through a running gateway', () => {
  const driven = rows.filter(({ line }) => (line >= 49 && line <= 76) || (line >= 84 && line <= 90));
  for (const { line, tests, cell } of driven)
    assert.ok(
      cell.startsWith('n/a: ') || tests.some(([file]) => file.startsWith('e2e/')),
      `attack ${line} is not tried end to end`,
    );
});

test('every attack that a drill claims is a line of the catalogue', () => {
  for (const { id, attacks } of DRILLS)
    for (const attack of attacks) assert.ok(attack >= 1 && attack <= LINES, `${id} ${attack}`);
});
