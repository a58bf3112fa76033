import type { Issues } from '../issues.ts';
import { isPlainObject } from '../objects.ts';
import type { Segment } from '../path.ts';
import { type SchemaNode, type WalkRules, walkSchema } from './schema-walk.ts';

/** The mark of `controls/secrets/schema.ts`; kept as a word so that this file loads without a schema library. */
const SECRET_MARK = 'x-gatehouse-secret';

const ENV_REFERENCE = /^\$(?:\{([A-Z][A-Z0-9_]{0,127})\}|([A-Z][A-Z0-9_]{0,127}))$/;
/** The variable that `${NAME}` or `$NAME` stands for; undefined when the text is neither. */
export function environmentName(text: string): string | undefined {
  const match = ENV_REFERENCE.exec(text);
  return match?.[1] ?? match?.[2];
}

const REFERENCE_INSIDE = /\$\{[A-Za-z_][A-Za-z0-9_]*\}/;

/** Beginnings that only credentials have; short, so that a value in the middle of a text is found too. */
const CREDENTIAL_MARKS = [
  'sk-ant-',
  'sk-proj-',
  'gth_',
  'ghp_',
  'github_pat_',
  'glpat-',
  'xoxb-',
  'xapp-',
  'xoxp-',
  'AKIA',
  '-----BEGIN ',
];
const CREDENTIAL = new RegExp(`(?:^|[^A-Za-z0-9])(?:${CREDENTIAL_MARKS.join('|')})[A-Za-z0-9_ -]{8}`);

/**
 * Whether a text holds something that looks like a credential. Deliberately narrow: a false alarm stops a start.
 */
function looksLikeSecret(text: string): boolean {
  return CREDENTIAL.test(text);
}

/** How the walk treats secrets: references where they belong, and nowhere a value or a reference else (K1). */
export function secretRules(issues: Issues): Pick<WalkRules, 'marked' | 'text'> {
  return {
    marked(node, segments, value) {
      if (node[SECRET_MARK] !== true) return false;
      checkSecret(node, segments, value, issues);
      return true;
    },
    text(segments, value) {
      if (looksLikeSecret(value)) issues.error(segments, 'CONFIG_SECRET_LITERAL');
      else if (REFERENCE_INSIDE.test(value)) issues.error(segments, 'CONFIG_REFERENCE_NOT_ALLOWED');
    },
  };
}

function checkSecret(node: SchemaNode, segments: readonly Segment[], value: unknown, issues: Issues): void {
  if (typeof value === 'string') {
    if (environmentName(value) !== undefined) return;
    const message = 'a secret stands in the file itself (its value is not shown)';
    issues.error(segments, 'CONFIG_SECRET_LITERAL', { message });
    return;
  }
  const object = node.anyOf?.find((branch) => branch.type === 'object');
  if (!isPlainObject(value) || object === undefined) {
    issues.error(segments, 'CONFIG_REFERENCE_INVALID');
    return;
  }
  walkSchema(object, value, { issues }, segments);
  if (value['source'] === 'env' && !/^[A-Z][A-Z0-9_]{0,127}$/.test(String(value['id']))) {
    issues.error([...segments, 'id'], 'CONFIG_REFERENCE_INVALID', {
      message: 'not the name of an environment variable',
    });
  }
}
