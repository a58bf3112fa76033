import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GatehouseError } from '../../kernel/index.ts';
import { loadEffectiveConfig } from '../load.ts';
import { NOW, testHome } from '../testing/home.ts';
import type { ConfigIssue } from '../types.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const SEPARATOR = '\n----\n';

function lines(issues: readonly ConfigIssue[], line: (issue: ConfigIssue) => string): readonly string[] {
  return issues.map(line).sort();
}

/** What became of an input, in the words of the golden files. */
async function outcome(input: string): Promise<string> {
  using home = testHome(input);
  try {
    const { warnings } = await loadEffectiveConfig({ ...home, env: {}, now: NOW });
    return ['accepted', ...lines(warnings, ({ code, path }) => `warning ${code} ${path}`)].join('\n');
  } catch (thrown) {
    if (!(thrown instanceof GatehouseError) || thrown.code !== 'CONFIG_INVALID') throw thrown;
    const issues = thrown.details['issues'] as readonly ConfigIssue[];
    const told = lines(issues, ({ code, path, line, nearest }) =>
      [code, path, line, nearest].filter((part) => part !== undefined && part !== '').join(' '),
    );
    return ['refused', ...told].join('\n');
  }
}

for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.txt'))) {
  test(`golden: ${name.replace('.txt', '').replaceAll('-', ' ')}`, async () => {
    const [input, expected] = readFileSync(`${FOLDER}${name}`, 'utf8').split(SEPARATOR);
    assert.ok(input !== undefined && expected !== undefined, `${name} has no separator`);
    assert.equal(await outcome(input), expected.trimEnd());
  });
}
