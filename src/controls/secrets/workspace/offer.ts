import { MIN_REDACTED_LENGTH } from '../redactor.ts';
import type { WorkspaceSelector } from '../reference.ts';
import { MAX_SECRET_LENGTH } from '../resolve.ts';
import { isOfKind } from './kinds.ts';

/** Values of one run that are handed to egress at most; more are as if nobody had bound them. */
export const MAX_OFFERED = 64;

/** A credential of a masked file, in the process that reads files. */
export interface MaskedValue {
  readonly placeholder: string;
  readonly value: string;
  /** Name beside which it stands; undefined where none does. */
  readonly key: string | undefined;
  /** It is percent-encoded in the file, as a part of a URL. */
  readonly inUrl: boolean;
}

/** A masked value where a run sees it. */
export interface SeenValue extends MaskedValue {
  /** Path inside the run. */
  readonly file: string;
  /** Where it was when it was first seen, so that a run cannot carry it to a place that is bound. */
  readonly inPlace: boolean;
}

/** What goes to egress: the placeholder that a run sends, and what it stands for. */
export interface OfferedValue {
  readonly name: string;
  readonly placeholder: string;
  readonly value: string;
}

export interface WantedSecret {
  readonly name: string;
  readonly selector: WorkspaceSelector;
}

/**
 * The values that somebody bound to a host, and no others. A file or a key counts only for a value that was there when
 * it was first seen; a kind counts wherever the value lies.
 */
export function offered(
  wanted: readonly WantedSecret[],
  seen: readonly SeenValue[],
): readonly OfferedValue[] {
  const found = new Map<string, OfferedValue>();
  for (const { name, selector } of wanted) {
    for (const one of seen) {
      const value = one.inUrl ? decoded(one.value) : one.value;
      if (value === undefined || !carriable(value) || !matches(selector, one, value)) continue;
      // The first name stands: egress could not tell which of two bindings a placeholder means.
      if (!found.has(one.placeholder))
        found.set(one.placeholder, { name, placeholder: one.placeholder, value });
      if (found.size >= MAX_OFFERED) return [...found.values()];
    }
  }
  return [...found.values()];
}

function matches({ file, key, kind }: WorkspaceSelector, seen: SeenValue, value: string): boolean {
  if (file === undefined && key === undefined) return kind !== undefined && isOfKind(value, kind);
  return (
    seen.inPlace &&
    (file === undefined || seen.file === file) &&
    (key === undefined || seen.key === key) &&
    (kind === undefined || isOfKind(value, kind))
  );
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** What a header can carry, and what can be found again in an answer. */
function carriable(value: string): boolean {
  return (
    value.length >= MIN_REDACTED_LENGTH &&
    value.length <= MAX_SECRET_LENGTH &&
    /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)
  );
}

/** The name beside which a value stands, in the ways that settings files write it. */
export function keyBefore(text: string, start: number): string | undefined {
  const line = text.slice(Math.max(0, text.lastIndexOf('\n', start - 1) + 1), start).slice(-300);
  return /([A-Za-z_][A-Za-z0-9_.-]{0,127})["'`]?[ \t]{0,8}(?:=>|:=|[:=]|[ \t])[ \t]{0,8}["'`]?$/.exec(
    line,
  )?.[1];
}
