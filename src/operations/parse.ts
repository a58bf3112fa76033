import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { nearestName } from '../configuration/nearest.ts';
import { withoutTokens } from '../controls/secrets/index.ts';
import { OP_CODES } from './codes.ts';

/** One thing wrong with a value; `path` is dotted, empty for the value as a whole. */
export interface ValueIssue {
  readonly path: string;
  readonly problem: string;
  readonly nearest?: string;
}

/** An answer names this many problems at most, whatever a caller sent. */
export const MAX_REPORTED_ISSUES = 20;

/** Names that a caller chose are shown cut to this length. */
const MAX_SHOWN_NAME = 64;

type ValueError = ReturnType<typeof Value.Errors>[number];

/** A credential that was put in the place of a name is not repeated (attack 83). */
function shownName(name: string): string {
  return withoutTokens(name).slice(0, MAX_SHOWN_NAME);
}

function dotted(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => shownName(part.replaceAll('~1', '/').replaceAll('~0', '~')))
    .join('.');
}

function namesIn(params: object, key: string): readonly string[] {
  const names: unknown = (params as Readonly<Record<string, unknown>>)[key];
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}

function under(path: string, name: string): string {
  const shown = shownName(name);
  return path === '' ? shown : `${path}.${shown}`;
}

function knownKeys(schema: TSchema): readonly string[] {
  const { properties } = schema as { readonly properties?: object };
  return Object.keys(properties ?? {});
}

function issuesOf(error: ValueError, schema: TSchema): readonly ValueIssue[] {
  const path = dotted(error.instancePath);
  if (error.keyword === 'required') {
    return namesIn(error.params, 'requiredProperties').map((name) => ({
      path: under(path, name),
      problem: 'is missing',
    }));
  }
  if (error.keyword === 'additionalProperties') {
    return namesIn(error.params, 'additionalProperties').map((name) => {
      const meant = path === '' ? nearestName(name, knownKeys(schema)) : undefined;
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      return {
        path: under(path, name),
        problem: `is not a known key${hint}`,
        ...(meant === undefined ? {} : { nearest: meant }),
      };
    });
  }
  if (error.keyword === 'enum') {
    return [{ path, problem: `must be one of ${namesIn(error.params, 'allowedValues').join(', ')}` }];
  }
  return [{ path, problem: error.message }];
}

/** What does not fit, or an empty list; never more than MAX_REPORTED_ISSUES. */
export function issuesWith(schema: TSchema, value: unknown): readonly ValueIssue[] {
  if (Value.Check(schema, value)) return [];
  const issues = Value.Errors(schema, value).flatMap((error) => issuesOf(error, schema));
  return issues.slice(0, MAX_REPORTED_ISSUES);
}

/**
 * The input as its schema describes it; an absent input is the empty object.
 *
 * @throws OP_INPUT_INVALID with `details.issues`: path and problem of each
 */
export function parseInput(schema: TSchema, input: unknown): unknown {
  const value = input ?? {};
  const issues = issuesWith(schema, value);
  if (issues.length === 0) return value;
  const [first] = issues;
  const where = first === undefined || first.path === '' ? 'the input' : first.path;
  throw OP_CODES.error('OP_INPUT_INVALID', `${where} ${first?.problem ?? 'does not fit'}`, {
    details: { issues },
  });
}
