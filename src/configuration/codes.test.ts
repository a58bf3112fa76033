import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CONFIG_CODES, PLAYBOOK_CODES } from './codes.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

function sources(): string {
  return readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.endsWith('codes.ts'))
    .map((name) => readFileSync(`${FOLDER}${name}`, 'utf8'))
    .join('\n');
}

test('every listed code is used, and every used code is listed', () => {
  const text = sources();
  const listed = [...Object.keys(CONFIG_CODES.table), ...Object.keys(PLAYBOOK_CODES.table)];
  const used = new Set([...text.matchAll(/'((?:CONFIG|PLAYBOOK)_[A-Z0-9_]+)'/g)].map(([, code]) => code));
  assert.deepEqual(
    listed.filter((code) => !used.has(code)),
    [],
  );
  assert.deepEqual(
    [...used].filter((code) => !listed.includes(code ?? '')),
    [],
  );
});
