import JSON5 from 'json5';
import { formatPath, type Segment } from '../path.ts';

/** No key of Gatehouse is deeper than this; a deeper file is an attempt to exhaust a stack. */
export const MAX_DEPTH = 32;

/** Keys that mean something to the language itself. */
export const FORBIDDEN_KEYS: ReadonlySet<unknown> = new Set(['__proto__', 'constructor', 'prototype']);

/** Where a value stands in its text; offsets in UTF-16 units, lines from 1. */
export interface Span {
  readonly line: number;
  /** Start of the key, or of the value itself in an array and at the root. */
  readonly from: number;
  readonly start: number;
  end: number;
}

export interface Scan {
  readonly spans: ReadonlyMap<string, Span>;
  readonly duplicates: readonly (readonly Segment[])[];
  readonly forbidden: readonly (readonly Segment[])[];
  readonly tooDeep: boolean;
}

interface Container {
  readonly kind: '{' | '[';
  readonly path: readonly Segment[];
  readonly keys: Set<string>;
  /** Next index of an array. */
  next: number;
  /** Key that was read and whose value has not come yet. */
  pending: { readonly key: string; readonly from: number; readonly line: number } | undefined;
  readonly span: Span;
}

const TOKEN =
  /(?<space>[\s\uFEFF]+|\/\/[^\n\r\u2028\u2029]*|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)|(?<punct>[{}[\]:,])|(?<string>"[^"\\]*(?:\\[^][^"\\]*)*"|'[^'\\]*(?:\\[^][^'\\]*)*')|(?<word>[^\s{}[\]:,"'/]+)/gy;

/**
 * Read the shape of a JSON5 text without building a value: what the parser hides (a key that stands twice, a
 * key that would reach the prototype), where each value stands, and how deep it nests. Iterative, so that depth
 * costs no stack. It stops at the first thing it does not understand and leaves the complaint to the parser.
 */
export function scanJson5(text: string): Scan {
  const scanner = new Scanner();
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const groups = match.groups ?? {};
    const [token] = match;
    if (groups['space'] === undefined && !scanner.take(token, groups['punct'] !== undefined, match.index))
      break;
    scanner.countLines(token);
  }
  return scanner.result();
}

class Scanner {
  readonly #spans = new Map<string, Span>();
  readonly #duplicates: (readonly Segment[])[] = [];
  readonly #forbidden: (readonly Segment[])[] = [];
  readonly #stack: Container[] = [];
  #line = 1;
  #tooDeep = false;

  result(): Scan {
    return {
      spans: this.#spans,
      duplicates: this.#duplicates,
      forbidden: this.#forbidden,
      tooDeep: this.#tooDeep,
    };
  }

  countLines(token: string): void {
    for (let at = token.indexOf('\n'); at >= 0; at = token.indexOf('\n', at + 1)) this.#line++;
  }

  /** One token; false when there is no use in going on. */
  take(token: string, punctuation: boolean, at: number): boolean {
    const inside = this.#stack.at(-1);
    if (!punctuation) return this.#word(inside, token, at);
    if (token === '{' || token === '[') return this.#open(inside, token, at);
    if (token === '}' || token === ']') {
      const closed = this.#stack.pop();
      if (closed === undefined) return false;
      closed.span.end = at + 1;
    }
    return true;
  }

  #word(inside: Container | undefined, token: string, at: number): boolean {
    if (inside?.kind === '{' && inside.pending === undefined) {
      const key = decodeKey(token);
      if (key === undefined) return false;
      this.#key(inside, key, at);
      return true;
    }
    this.#value(inside, at, at + token.length);
    return true;
  }

  #key(inside: Container, key: string, at: number): void {
    const path = [...inside.path, key];
    if (inside.keys.has(key)) this.#duplicates.push(path);
    if (FORBIDDEN_KEYS.has(key)) this.#forbidden.push(path);
    inside.keys.add(key);
    inside.pending = { key, from: at, line: this.#line };
  }

  #open(inside: Container | undefined, kind: '{' | '[', at: number): boolean {
    if (this.#stack.length >= MAX_DEPTH) {
      this.#tooDeep = true;
      return false;
    }
    const { path, span } = this.#value(inside, at, at + 1);
    this.#stack.push({ kind, path, keys: new Set(), next: 0, pending: undefined, span });
    return true;
  }

  #value(inside: Container | undefined, start: number, end: number) {
    const pending = inside?.pending;
    const own: readonly Segment[] =
      inside === undefined ? [] : inside.kind === '[' ? [inside.next++] : [pending?.key ?? ''];
    if (inside !== undefined) inside.pending = undefined;
    const path = [...(inside?.path ?? []), ...own];
    const span: Span = { line: pending?.line ?? this.#line, from: pending?.from ?? start, start, end };
    this.#spans.set(formatPath(path), span);
    return { path, span };
  }
}

/** A key as the parser reads it, so that `"a"` and `"\u0061"` are seen to be the same. */
function decodeKey(token: string): string | undefined {
  if (!token.includes('\\')) return /^["']/.test(token) ? token.slice(1, -1) : token;
  try {
    const quoted = /^["']/.test(token);
    if (quoted) return String(JSON5.parse(token));
    return Object.keys(JSON5.parse<object>(`{${token}:0}`))[0];
  } catch {
    return undefined;
  }
}
