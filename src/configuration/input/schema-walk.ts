import type { Issues } from '../issues.ts';
import { nearestName } from '../nearest.ts';
import { isPlainObject } from '../objects.ts';
import type { Segment } from '../path.ts';

/** The part of JSON Schema that Gatehouse's own schemas use. */
export interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: SchemaNode;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly SchemaNode[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly [mark: `x-${string}`]: unknown;
}

export interface WalkRules {
  readonly issues: Issues;
  /** What to do with a key that the schema lacks: true when the case was dealt with. */
  unknownKey?(segments: readonly Segment[], value: unknown): boolean;
  /** What to say about a value that the schema does not take: true when the case was dealt with. */
  refusedValue?(segments: readonly Segment[], value: unknown): boolean;
  /** Takes over a node with a mark of its own: true when it did. */
  marked?(node: SchemaNode, segments: readonly Segment[], value: unknown): boolean;
  /** Looks at every string that was accepted. */
  text?(segments: readonly Segment[], value: string): void;
}

/**
 * Compare a value with a schema and report everything that differs, each with its own path and code; a general
 * validator would report one vague line per union. Keys that were dealt with otherwise are left out of the
 * result.
 */
export function walkSchema(
  node: SchemaNode,
  value: unknown,
  rules: WalkRules,
  segments: readonly Segment[] = [],
): unknown {
  if (rules.marked?.(node, segments, value)) return value;
  if (node.anyOf !== undefined) return walkUnion(node.anyOf, value, rules, segments);
  if (node.const !== undefined) {
    if (value !== node.const)
      refuse(rules, segments, value, 'CONFIG_BAD_VALUE', `must be ${show(node.const)}`);
    return value;
  }
  if (typeName(value) !== node.type && !(node.type === 'number' && typeName(value) === 'integer')) {
    const message = `expected ${article(node.type)}, found ${article(typeName(value))}`;
    refuse(rules, segments, value, 'CONFIG_WRONG_TYPE', message);
    return value;
  }
  if (isPlainObject(value)) return walkObject(node, value, rules, segments);
  if (Array.isArray(value)) return walkArray(node, value, rules, segments);
  if (typeof value === 'string') checkString(node, value, rules, segments);
  if (typeof value === 'number') checkNumber(node, value, rules, segments);
  return value;
}

type RefusalCode = 'CONFIG_BAD_VALUE' | 'CONFIG_WRONG_TYPE' | 'CONFIG_OUT_OF_RANGE';

function refuse(
  rules: WalkRules,
  segments: readonly Segment[],
  value: unknown,
  code: RefusalCode,
  message: string,
  nearest?: string,
): void {
  if (nearest === undefined && rules.refusedValue?.(segments, value)) return;
  rules.issues.error(segments, code, { message, ...(nearest === undefined ? {} : { nearest }) });
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function article(type: string | undefined): string {
  if (type === 'integer') return 'a whole number';
  return type === 'array' || type === 'object' ? `an ${type}` : type === 'null' ? 'null' : `a ${type}`;
}

/** A constant of a schema; values of the file are never shown, they may be secrets. */
function show(constant: unknown): string {
  return JSON.stringify(constant);
}

function walkUnion(
  branches: readonly SchemaNode[],
  value: unknown,
  rules: WalkRules,
  segments: readonly Segment[],
): unknown {
  const constants = branches.filter((branch) => branch.const !== undefined).map((branch) => branch.const);
  if (constants.includes(value)) return value;
  const shaped = branches.filter((branch) => branch.const === undefined && fits(branch, value));
  const [only] = shaped;
  if (only !== undefined) return walkSchema(only, value, rules, segments);
  if (constants.length === branches.length) {
    const known = constants.filter((constant) => typeof constant === 'string');
    const nearest = typeof value === 'string' ? nearestName(value, known) : undefined;
    const message = `must be one of ${constants.map(show).join(', ')}`;
    refuse(rules, segments, value, 'CONFIG_BAD_VALUE', message, nearest);
    return value;
  }
  const kinds = [...new Set(branches.map((branch) => branch.type ?? typeName(branch.const)))];
  const message = `expected ${kinds.map(article).join(' or ')}, found ${article(typeName(value))}`;
  refuse(rules, segments, value, 'CONFIG_WRONG_TYPE', message);
  return value;
}

/** Same type, and where a branch is told apart by constants, those too. */
function fits(branch: SchemaNode, value: unknown): boolean {
  if (branch.type !== typeName(value)) return false;
  if (!isPlainObject(value)) return true;
  return (branch.required ?? []).every((key) => {
    const constant = branch.properties?.[key]?.const;
    return constant === undefined || value[key] === constant;
  });
}

function walkObject(
  node: SchemaNode,
  value: Readonly<Record<string, unknown>>,
  rules: WalkRules,
  segments: readonly Segment[],
): unknown {
  const kept: Record<string, unknown> = {};
  const properties = node.properties ?? {};
  const patterns = Object.entries(node.patternProperties ?? {});
  const count = Object.keys(value).length;
  checkCount(node.minProperties, node.maxProperties, count, 'keys', rules, segments);
  for (const [key, item] of Object.entries(value)) {
    if (rules.issues.isFull) break;
    const path = [...segments, key];
    const known = Object.hasOwn(properties, key)
      ? properties[key]
      : patterns.find(([pattern]) => new RegExp(pattern).test(key))?.[1];
    if (known !== undefined) kept[key] = walkSchema(known, item, rules, path);
    else if (!rules.unknownKey?.(path, item)) unknownKey(key, path, node, rules);
  }
  for (const key of node.required ?? []) {
    if (Object.hasOwn(value, key)) continue;
    rules.issues.error([...segments, key], 'CONFIG_MISSING_KEY', {
      message: `the key ${show(key)} is missing`,
    });
  }
  return kept;
}

function unknownKey(key: string, path: readonly Segment[], node: SchemaNode, rules: WalkRules): void {
  if (node.patternProperties !== undefined) {
    const message = `${show(key)} does not have the form ${Object.keys(node.patternProperties).join(' or ')}`;
    rules.issues.error(path, 'CONFIG_BAD_VALUE', { message });
    return;
  }
  const nearest = nearestName(key, Object.keys(node.properties ?? {}));
  const message = `the key ${show(key)} is not known${nearest === undefined ? '' : `; did you mean ${show(nearest)}?`}`;
  const fix = nearest === undefined ? {} : { nearest, fix: `Write ${show(nearest)}, or remove the key.` };
  rules.issues.error(path, 'CONFIG_UNKNOWN_KEY', { message, ...fix });
}

function walkArray(
  node: SchemaNode,
  value: readonly unknown[],
  rules: WalkRules,
  segments: readonly Segment[],
): unknown {
  checkCount(node.minItems, node.maxItems, value.length, 'elements', rules, segments);
  const { items } = node;
  if (items === undefined) return value;
  const kept: unknown[] = [];
  for (const [index, item] of value.slice(0, node.maxItems).entries()) {
    if (rules.issues.isFull) break;
    kept.push(walkSchema(items, item, rules, [...segments, index]));
  }
  return kept;
}

function checkCount(
  least: number | undefined,
  most: number | undefined,
  count: number,
  what: string,
  rules: WalkRules,
  segments: readonly Segment[],
): void {
  const low = least ?? 0;
  const high = most ?? Number.POSITIVE_INFINITY;
  if (count >= low && count <= high) return;
  const message = count < low ? `needs at least ${low} ${what}` : `holds more than ${high} ${what}`;
  rules.issues.error(segments, 'CONFIG_OUT_OF_RANGE', { message });
}

function checkString(node: SchemaNode, value: string, rules: WalkRules, segments: readonly Segment[]): void {
  const low = node.minLength ?? 0;
  const high = node.maxLength ?? Number.POSITIVE_INFINITY;
  if (value.length < low || value.length > high) {
    const message = value.length < low ? 'must not be empty' : `is longer than ${high} characters`;
    refuse(rules, segments, value, 'CONFIG_OUT_OF_RANGE', message);
    return;
  }
  if (node.pattern !== undefined && !new RegExp(node.pattern).test(value)) {
    refuse(rules, segments, value, 'CONFIG_BAD_VALUE', `does not have the form ${node.pattern}`);
    return;
  }
  rules.text?.(segments, value);
}

function checkNumber(node: SchemaNode, value: number, rules: WalkRules, segments: readonly Segment[]): void {
  const low = node.minimum ?? Number.NEGATIVE_INFINITY;
  const high = node.maximum ?? Number.POSITIVE_INFINITY;
  if (value >= low && value <= high) return;
  refuse(rules, segments, value, 'CONFIG_OUT_OF_RANGE', `must be from ${low} to ${high}`);
}
