import { isDeepStrictEqual } from 'node:util';
import JSON5 from 'json5';
import { isPlainObject } from '../objects.ts';
import { formatPath, type Segment } from '../path.ts';
import { type Scan, type Span, scanJson5 } from './scan.ts';

/**
 * A JSON5 text with one key set (or removed, for undefined), everything else as it was, comments included. What
 * cannot be done in place is done by writing the whole value anew. The result is always read again and compared
 * with what was wanted.
 */
export function editJson5(text: string, path: readonly Segment[], value: unknown): string {
  const source = text.trim() === '' ? '{}\n' : text;
  const wanted = withValue(JSON5.parse(source), path, value);
  const edited = editInPlace(source, path, value);
  if (edited !== undefined && isDeepStrictEqual(parsed(edited), wanted)) return edited;
  return `${JSON.stringify(wanted, null, 2)}\n`;
}

function parsed(text: string): unknown {
  try {
    return JSON5.parse(text);
  } catch {
    return undefined;
  }
}

/** A copy with the value at the path replaced; objects on the way are made where there are none. */
function withValue(root: unknown, path: readonly Segment[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === 'number' && Array.isArray(root)) {
    const copy = [...(root as unknown[])];
    const next = withValue(copy[step], rest, value);
    if (next === undefined) copy.splice(step, 1);
    else copy[Math.min(step, copy.length)] = next;
    return copy;
  }
  const copy: Record<string, unknown> = isPlainObject(root) ? { ...root } : {};
  const next = withValue(copy[step], rest, value);
  if (next === undefined) delete copy[step];
  else copy[step] = next;
  return copy;
}

function editInPlace(text: string, path: readonly Segment[], value: unknown): string | undefined {
  const scan = scanJson5(text);
  const span = scan.spans.get(formatPath(path));
  if (span !== undefined) {
    if (value === undefined) return removeSpan(text, span);
    return text.slice(0, span.start) + literal(value, indentOf(text, span.from)) + text.slice(span.end);
  }
  return value === undefined ? text : insert(text, scan, path, value);
}

/** Put the key first into the deepest object on the way that is there. */
function insert(text: string, scan: Scan, path: readonly Segment[], value: unknown): string | undefined {
  for (let length = path.length - 1; length >= 0; length--) {
    const container = scan.spans.get(formatPath(path.slice(0, length)));
    if (container === undefined) continue;
    const key = path[length];
    if (text[container.start] !== '{' || typeof key !== 'string') return undefined;
    const nested = path.slice(length + 1).reduceRight<unknown>((inner, step) => ({ [step]: inner }), value);
    const outer = indentOf(text, container.from);
    const indent = `${outer}  `;
    const empty = text.slice(container.start + 1, container.end - 1).trim() === '';
    const entry = `\n${indent}${keyText(key)}: ${literal(nested, indent)}`;
    const rest = empty ? `\n${outer}}` : `,${text.slice(container.start + 1, container.end)}`;
    return text.slice(0, container.start + 1) + entry + rest + text.slice(container.end);
  }
  return undefined;
}

function removeSpan(text: string, span: Span): string {
  const after = /^[ \t]*,/.exec(text.slice(span.end));
  const before = /,?[ \t]*(?:\r?\n)?[ \t]*$/.exec(text.slice(0, span.from))?.[0] ?? '';
  if (after === null) return text.slice(0, span.from - before.length) + text.slice(span.end);
  const blank = before.replace(/^,/, '');
  return text.slice(0, span.from - blank.length) + text.slice(span.end + after[0].length);
}

/** White space at the beginning of the line that holds an offset. */
function indentOf(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

function keyText(key: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(key) ? key : JSON.stringify(key);
}

function literal(value: unknown, indent: string): string {
  return (JSON.stringify(value, null, 2) ?? 'null').replaceAll('\n', `\n${indent}`);
}
