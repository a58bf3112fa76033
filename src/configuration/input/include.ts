import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { GatehouseError } from '../../kernel/index.ts';
import type { ConfigCode } from '../codes.ts';
import type { ConfigFiles } from '../files.ts';
import type { Issues } from '../issues.ts';
import { isPlainObject, mergeDeep } from '../objects.ts';
import { formatPath, type Segment } from '../path.ts';
import { MAX_CONFIG_BYTES, parseJson5 } from './parse.ts';
import type { Scan } from './scan.ts';

/** Files that one configuration may include, and how far includes may include. */
export const MAX_INCLUDES = 64;
export const MAX_INCLUDE_DEPTH = 10;

/** Folders of the home that programs and agents write to; configuration never comes from there (attack 88). */
const WRITTEN_BY_OTHERS = ['workspaces', 'state', 'run', 'logs', 'keys', 'cache'];

export interface IncludeContext {
  readonly home: string;
  readonly files: ConfigFiles;
  readonly issues: Issues;
  /** Told where everything that was read stands. */
  onRead(file: string, at: readonly Segment[], scan: Scan): void;
}

interface Walk extends IncludeContext {
  readonly chain: readonly string[];
  readonly count: { value: number };
}

/**
 * A parsed file with every `$include` replaced by what it names: objects are merged, later files over earlier
 * ones and the keys beside `$include` over all of them. Problems are collected; what has one becomes `{}`.
 */
export function resolveIncludes(value: unknown, file: string, context: IncludeContext): unknown {
  const start = context.files.resolve(file) ?? file;
  return walk(value, file, [], { ...context, chain: [start], count: { value: 0 } });
}

function walk(value: unknown, file: string, at: readonly Segment[], state: Walk): unknown {
  if (Array.isArray(value)) return value.map((item, index) => walk(item, file, [...at, index], state));
  if (!isPlainObject(value)) return value;
  const { $include: include, ...own } = value;
  const rest: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(own)) rest[key] = walk(item, file, [...at, key], state);
  if (include === undefined) return rest;
  const names: readonly unknown[] = Array.isArray(include) ? include : [include];
  let merged: unknown = {};
  for (const name of names) merged = mergeDeep(merged, readOne(name, file, at, state));
  return Object.keys(rest).length === 0 ? merged : mergeDeep(merged, rest);
}

function readOne(name: unknown, from: string, at: readonly Segment[], state: Walk): unknown {
  const fail = (code: ConfigCode, message?: string): unknown => {
    state.issues.error([...at, '$include'], code, message === undefined ? {} : { message });
    return {};
  };
  if (typeof name !== 'string' || name === '' || isAbsolute(name) || name.includes('\0')) {
    return fail('CONFIG_INCLUDE_INVALID');
  }
  if (++state.count.value > MAX_INCLUDES || state.chain.length > MAX_INCLUDE_DEPTH) {
    return fail('CONFIG_INCLUDE_INVALID', `more than ${MAX_INCLUDES} files or ${MAX_INCLUDE_DEPTH} levels`);
  }
  // Judged by its name first: whether a file outside exists is nobody's business.
  const named = join(dirname(from), name);
  const home = state.files.resolve(state.home) ?? state.home;
  if (!isInside(state.home, named) && !isInside(home, named)) return fail('CONFIG_INCLUDE_OUTSIDE');
  const real = state.files.resolve(named);
  if (real === undefined) return fail('CONFIG_UNREADABLE', 'the included file does not exist');
  if (!isInside(home, real)) return fail('CONFIG_INCLUDE_OUTSIDE');
  if (state.chain.includes(real)) return fail('CONFIG_INCLUDE_CYCLE');
  try {
    const bytes = state.files.read(real, MAX_CONFIG_BYTES) ?? new Uint8Array();
    const parsed = parseJson5(bytes);
    for (const { segments, code, facts } of parsed.problems) {
      state.issues.error([...at, ...segments], code, { file: real, ...facts });
    }
    if (!parsed.ok) return {};
    state.onRead(real, at, parsed.scan);
    return walk(parsed.value, real, at, { ...state, chain: [...state.chain, real] });
  } catch (thrown) {
    if (!(thrown instanceof GatehouseError)) throw thrown;
    return fail(thrown.code as ConfigCode, thrown.message);
  }
}

/** Below the home, and not in a folder that others write to. */
function isInside(home: string, path: string): boolean {
  const inner = relative(home, path);
  if (inner === '' || isAbsolute(inner)) return false;
  const [top] = inner.split(sep);
  return top !== undefined && top !== '..' && !WRITTEN_BY_OTHERS.includes(top);
}

/** Remembers where paths stand, over all files of one configuration. */
export class Places {
  readonly #places = new Map<string, { readonly file: string; readonly line: number }>();

  /** Record what a file holds at `at`; what is already known stays, because the outer file wins. */
  add(file: string, at: readonly Segment[], scan: Scan): void {
    const prefix = formatPath(at);
    for (const [path, span] of scan.spans) {
      const whole = joinPaths(prefix, path);
      if (!this.#places.has(whole)) this.#places.set(whole, { file, line: span.line });
    }
  }

  readonly locate = (path: string): { readonly file: string; readonly line: number } | undefined =>
    this.#places.get(path);
}

function joinPaths(prefix: string, path: string): string {
  if (prefix === '' || path === '' || path.startsWith('[')) return prefix + path;
  return `${prefix}.${path}`;
}
