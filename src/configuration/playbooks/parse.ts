import { decodeText } from '../input/parse.ts';
import { secretRules } from '../input/references.ts';
import { type SchemaNode, walkSchema } from '../input/schema-walk.ts';
import { parseYaml } from '../input/yaml.ts';
import { Issues } from '../issues.ts';
import type { Playbook } from './schema.ts';

/** Largest playbook, in bytes. */
export const MAX_PLAYBOOK_BYTES = 256 * 1024;

export interface ParsedPlaybook {
  /** Undefined when there are errors in `issues`. */
  readonly playbook: Playbook | undefined;
  readonly issues: Issues;
}

/** A playbook's bytes to its checked form. */
export async function parsePlaybook(bytes: Uint8Array, file: string): Promise<ParsedPlaybook> {
  const decoded = decodeText(bytes);
  if (!decoded.ok) {
    const issues = new Issues();
    for (const { segments, code, facts } of decoded.problems)
      issues.error(segments, code, { file, ...facts });
    return { playbook: undefined, issues };
  }
  const { value, issues } = await parseYaml(decoded.text, file);
  if (issues.errors.length > 0) return { playbook: undefined, issues };
  const { PlaybookSchema } = await import('./schema.ts');
  const secrets = secretRules(issues);
  const cleaned = walkSchema(PlaybookSchema as object as SchemaNode, value, { issues, ...secrets });
  return { playbook: issues.errors.length > 0 ? undefined : (cleaned as Playbook), issues };
}
