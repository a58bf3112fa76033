import type { Detector } from '../detector/types.ts';
import { replaced } from '../hide.ts';
import { placeholderFor, placeholdersIn } from '../placeholder.ts';
import type { MaskLimits } from './limits.ts';
import { keyBefore, type MaskedValue } from './offer.ts';
import { asBytes, credentialsIn, isBinary, judgeBytes } from './scan.ts';

/** Characters by which a rest of a placeholder is known. */
const PIECE = 10;

export interface MaskParts {
  /** Folder of the masked copies; only for this account, and on a disk that survives a crash. */
  readonly folder: string;
  readonly key: Uint8Array;
  readonly detector: Detector;
  readonly limits: MaskLimits;
}

/** Rules whose values stand in a URL, percent-encoded. */
const IN_URL: ReadonlySet<string> = new Set(['url-password', 'git-credentials']);

export interface Masked {
  readonly text: string;
  readonly values: ReadonlyMap<string, string>;
  /** Each time that one of them stands in the text. */
  readonly found: readonly MaskedValue[];
}

/** The text with placeholders, and what each of them stands for; undefined when a copy cannot be made of it. */
export function maskText(parts: MaskParts, text: string, path: string, binary: boolean): Masked | undefined {
  const values = new Map<string, string>();
  const found: MaskedValue[] = [];
  let sameLength = true;
  const masked = replaced(text, credentialsIn(parts.detector, text, path), (value, { start, rule }) => {
    const placeholder = placeholderFor(value, parts.key);
    values.set(placeholder, value);
    found.push({ placeholder, value, key: keyBefore(text, start), inUrl: IN_URL.has(rule) });
    sameLength &&= placeholder.length === value.length;
    return placeholder;
  });
  return values.size === 0 || (binary && !sameLength) ? undefined : { text: masked, values, found };
}

/** Put the values back; undefined when a piece of a placeholder would be left in place of a value. */
function restored(text: string, values: ReadonlyMap<string, string>): string | undefined {
  let result = text;
  for (const [placeholder, value] of values) result = result.split(placeholder).join(value);
  const pieces = [...values.keys()].flatMap((placeholder) => {
    const marked = (placeholdersIn(placeholder)[0] ?? placeholder).trim();
    return [marked.slice(0, PIECE), marked.slice(-PIECE)];
  });
  return pieces.some((piece) => result.includes(piece)) ? undefined : result;
}

/**
 * What the next run sees of a file with this text at this path. The walk through the workspace decides that, so it is
 * asked, and not only the rules: what it passes over is seen as it is.
 */
function seenAt(parts: MaskParts, text: string, path: string): string {
  const bytes = asBytes(text);
  const verdict = judgeBytes(parts.detector, parts.limits, bytes, path);
  if (verdict === 'clean') return text;
  return verdict === 'closed' ? '' : (maskText(parts, text, path, isBinary(bytes))?.text ?? '');
}

/** Whether no run would see any of these values in a file with this text at this path. */
export function recognisedAt(
  parts: MaskParts,
  text: string,
  path: string,
  values: Iterable<string>,
): boolean {
  const seen = seenAt(parts, text, path);
  return ![...values].some((value) => seen.includes(value));
}

const times = (text: string, part: string): number => text.split(part).length - 1;

/** The file as it was before any run looked at it. */
export interface Before {
  readonly path: string;
  text(): string;
}

/**
 * The text with its values, if nothing is lost by it and nothing is shown by it: what a run wrote so that a value would
 * stand where no rule recognises it, in full view of the next run, keeps its placeholders.
 */
export function putBack(
  parts: MaskParts,
  text: string,
  path: string,
  values: ReadonlyMap<string, string>,
  before: Before,
): { readonly text: string } | { readonly why: string } {
  const full = restored(text, values);
  if (full === undefined) return { why: 'a placeholder was changed and its value would be lost' };
  const seen = seenAt(parts, full, path);
  const bare = [...values.values()].filter((value) => seen.includes(value));
  if (bare.length === 0) return { text: full };
  // Short values may have stood elsewhere in the text before; what counts is what was seen of it where it was then.
  const original = before.text();
  const known = maskText(parts, original, before.path, false)?.text ?? original;
  return bare.some((value) => times(seen, value) > times(known, value))
    ? { why: 'a value would stand where it is not recognised' }
    : { text: full };
}
