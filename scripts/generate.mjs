// Writes docs/reference from the arrays in the sources, and the shipped playbooks as data from their YAML files.
// `--check` compares instead and names what is stale.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderShippedPlaybooks } from '../src/configuration/playbooks/render.ts';
import { referenceFiles } from './reference/index.ts';
import { ROOT } from './setup.mjs';

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const check = process.argv.includes('--check');

const files = new Map();
for (const [name, content] of referenceFiles(version)) files.set(join('docs', 'reference', name), content);
files.set(
  join('src', 'configuration', 'playbooks', 'shipped.ts'),
  await renderShippedPlaybooks(join(ROOT, 'playbooks')),
);

mkdirSync(join(ROOT, 'docs', 'reference'), { recursive: true });
const stale = [];
for (const [name, content] of files) {
  const path = join(ROOT, name);
  if (existsSync(path) && readFileSync(path, 'utf8') === content) continue;
  stale.push(name);
  if (!check) writeFileSync(path, content);
}

if (check && stale.length > 0) {
  console.error(`not what the sources say: ${stale.join(', ')}. Run: npm run generate`);
  process.exit(1);
}
if (!check)
  console.log(stale.length === 0 ? 'everything generated is up to date' : `wrote ${stale.join(', ')}`);
