import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ALERT_RULES, runbookAnchor } from '../../src/controls/alerting/index.ts';
import { OPERATIONS } from '../../src/operations/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const sources = globSync('src/**/*.ts', { cwd: ROOT }).filter(
  (file) =>
    !file.endsWith('.test.ts') &&
    !file.includes('/testing/') &&
    !/\/drills\.ts$|controls\/[^/]+\/drills\//.test(file),
);
const listed = ALERT_RULES.map(({ id }) => id);

/** Records of type alert that say that something is over, or that somebody asked. */
const NO_NEWS = ['listener.restored', 'alerts.test'];

test('every alert that some source raises is a rule of the catalogue, and every rule is raised by some source', () => {
  const raised = new Set<string>();
  for (const file of sources) {
    const text = read(file);
    if (!/raise\(|type: 'alert'/.test(text) || file.endsWith('alerting/rules.ts')) continue;
    for (const [, rule] of text.matchAll(/\braise\(\{\s*rule: '([a-z.-]+)'/g)) raised.add(rule ?? '');
    for (const [, rule] of text.matchAll(/type: 'alert',\s+action: '([a-z.-]+)'/g)) raised.add(rule ?? '');
    const calls = text.match(/\braise\(\{/g)?.length ?? 0;
    const named = text.match(/\braise\(\{\s*rule: '/g)?.length ?? 0;
    assert.equal(named, calls, `${file} raises an alert whose rule cannot be read from the source`);
  }
  for (const rule of NO_NEWS) raised.delete(rule);
  assert.deepEqual([...raised].sort(), listed);
});

test('every rule has a section in the runbook, under the anchor that messages name', () => {
  const headings = [...read('docs/operating/alerts.md').matchAll(/^### (.+)$/gm)].map(
    ([, title]) => title ?? '',
  );
  assert.deepEqual(
    headings.filter((title) => !NO_NEWS.includes(title)),
    listed,
  );
  // As GitHub makes anchors: lower case, and everything but letters, digits, hyphens and spaces dropped.
  for (const title of headings)
    assert.equal(title.toLowerCase().replace(/[^a-z0-9 -]/g, ''), runbookAnchor(title));
});

test('the first command of every rule is a command that exists', () => {
  const commands = OPERATIONS.map(({ cli }) => cli.command);
  for (const { id, command } of ALERT_RULES) {
    const words = command.replace(/^gatehouse /, '');
    assert.ok(
      commands.some((known) => words === known || words.startsWith(`${known} `)),
      `${id}: ${command}`,
    );
  }
});
