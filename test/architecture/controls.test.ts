import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const path = (name: string) => new URL(`../../${name}`, import.meta.url);

test('the page about how it works says of every control what it is for, and of no other', () => {
  const page = readFileSync(path('docs/architecture.md'), 'utf8');
  const table = page.slice(page.indexOf('### Controls'), page.indexOf("## A message's way"));
  const said = [...table.matchAll(/^\| `(\w+)` \| .{20,} \|$/gm)].map(([, name]) => name);
  assert.deepEqual(said.toSorted(), readdirSync(path('src/controls')).toSorted());
});
