import type { Document, LineCounter } from 'yaml';
import { Issues } from '../issues.ts';
import { parsePath } from '../path.ts';

export interface ParsedYaml {
  readonly value: unknown;
  readonly issues: Issues;
}

/**
 * YAML 1.2 without aliases, tags or repeated keys: nothing in it may mean more than what stands there
 * (attack 92, exponential aliases).
 */
export async function parseYaml(text: string, file: string): Promise<ParsedYaml> {
  const { LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const issues: Issues = new Issues((path) => locate(document, lines, path, file));
  let document: Document | undefined;
  try {
    document = parseDocument(text, { strict: true, uniqueKeys: true, schema: 'core', lineCounter: lines });
  } catch {
    issues.error([], 'CONFIG_TOO_DEEP', { file });
    return { value: undefined, issues };
  }
  for (const problem of [...document.errors, ...document.warnings]) {
    const duplicate = problem.code === 'DUPLICATE_KEY';
    const line = lines.linePos(problem.pos[0]).line;
    const message = duplicate ? 'a key stands twice in one mapping' : `this is not YAML at line ${line}`;
    issues.error([], duplicate ? 'CONFIG_DUPLICATE_KEY' : 'CONFIG_SYNTAX', { file, line, message });
  }
  if (issues.errors.length > 0) return { value: undefined, issues };
  try {
    return { value: document.toJS({ maxAliasCount: 0 }) as unknown, issues };
  } catch {
    issues.error([], 'CONFIG_SYNTAX', { file, message: 'aliases are not possible here' });
    return { value: undefined, issues };
  }
}

function locate(
  document: Document | undefined,
  lines: LineCounter,
  path: string,
  file: string,
): { file: string; line: number } | undefined {
  const node: unknown = document?.getIn(parsePath(path) ?? [], true);
  const range = (node as { range?: readonly number[] } | undefined)?.range;
  return range?.[0] === undefined ? undefined : { file, line: lines.linePos(range[0]).line };
}
