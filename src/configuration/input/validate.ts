import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';
import { foreignKey, switchesOff, valueAdvice } from './openclaw.ts';
import { secretRules } from './references.ts';
import { type SchemaNode, walkSchema } from './schema-walk.ts';

/** A key of OpenClaw that the schema lacks: refused or left out with a warning, never silently. */
function dealWithForeign(issues: Issues, segments: readonly Segment[], value: unknown): boolean {
  const foreign = foreignKey(segments);
  if (foreign === undefined) return false;
  const ignored = foreign.effect === 'ignore' || (foreign.effect === 'off' && switchesOff(value));
  if (ignored) {
    issues.warn(segments, 'CONFIG_KEY_IGNORED', { fix: foreign.advice });
    return true;
  }
  issues.error(segments, 'CONFIG_UNSUPPORTED_KEY', {
    message: `${JSON.stringify(segments.at(-1))} is a key of OpenClaw that Gatehouse does not act on`,
    fix: foreign.advice,
  });
  return true;
}

/** Compare with the schema; what is wrong is in `issues`, and the result holds only keys that count. */
export function validateShape(schema: object, value: unknown, issues: Issues): ConfigInput {
  const cleaned = walkSchema(schema as SchemaNode, value, {
    issues,
    unknownKey: (segments, item) => dealWithForeign(issues, segments, item),
    refusedValue(segments) {
      const advice = valueAdvice(segments);
      if (advice === undefined) return false;
      issues.error(segments, 'CONFIG_UNSUPPORTED_VALUE', { message: advice });
      return true;
    },
    ...secretRules(issues),
  });
  return cleaned as ConfigInput;
}
