// Writes docs/reference from the arrays in the sources. `--check` compares instead and names what is stale.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { referenceFiles } from './reference/index.ts';
import { ROOT } from './setup.mjs';

const folder = join(ROOT, 'docs', 'reference');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const check = process.argv.includes('--check');

mkdirSync(folder, { recursive: true });
const stale = [];
for (const [name, content] of referenceFiles(version)) {
  const path = join(folder, name);
  if (existsSync(path) && readFileSync(path, 'utf8') === content) continue;
  stale.push(name);
  if (!check) writeFileSync(path, content);
}

if (check && stale.length > 0) {
  console.error(`docs/reference is not what the sources say: ${stale.join(', ')}. Run: npm run generate`);
  process.exit(1);
}
if (!check) console.log(stale.length === 0 ? 'docs/reference is up to date' : `wrote ${stale.join(', ')}`);
