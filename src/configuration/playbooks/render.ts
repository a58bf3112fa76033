import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePlaybook } from './parse.ts';

/**
 * The source of `shipped.ts` from the YAML files of a folder. The program carries the shipped playbooks as data, so
 * that starting needs no YAML parser and a changed file beside the program changes nobody's authority.
 *
 * @throws CONFIG_INVALID when one of them is not valid
 */
export async function renderShippedPlaybooks(folder: string): Promise<string> {
  const playbooks: Record<string, unknown> = {};
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.yaml')) continue;
    const { playbook, issues } = await parsePlaybook(readFileSync(join(folder, name)), name);
    issues.throwIfAny();
    if (playbook !== undefined) playbooks[playbook.playbook] = playbook;
  }
  const escaped = JSON.stringify(playbooks).replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return [
    '// Generated from playbooks/*.yaml by scripts/generate.mjs. Do not edit.',
    'const DATA =',
    `  '${escaped}';`,
    '',
    '/** The playbooks that come with the program, by name, already checked. */',
    'export const SHIPPED_PLAYBOOKS: Readonly<Record<string, unknown>> = JSON.parse(DATA);',
    '',
  ].join('\n');
}
