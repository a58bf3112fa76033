import { tokenDigest, tokenIdOf } from '../token-format.ts';
import type { Encoding } from './types.ts';

/** A token in a text whose characters are bytes (latin1). */
export interface Hit {
  /** Index of its first character. */
  readonly at: number;
  readonly encoding: Encoding;
  readonly id: string;
  readonly digest: string;
}

/**
 * Longest text that one token can be written in: 71 characters, each as an eight-character escape with a line break,
 * in UTF-16. Windows overlap by this much, so that no token is lost on a border.
 */
export const MAX_WRITTEN_BYTES = 8_192;

const TOKEN_CHARS = 71;
const PLAIN = /gth_[a-z2-7]{16}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}/g;

/** Percent (also of a percent), quoted-printable, JSON and C escapes, HTML references. */
const escapeOf = (hex: string, decimal: string) =>
  `%(?:25){0,3}(?:${hex})|=(?:${hex})|\\\\{1,4}u00(?:${hex})|\\\\{1,4}x(?:${hex})|&#(?:x(?:${hex})|${decimal});`;
const letter = (plain: string) => {
  const code = plain.charCodeAt(0);
  return `(?:${plain}|${escapeOf(code.toString(16).replace('f', '[fF]'), String(code))})`;
};
/** A soft line break of quoted-printable, or a shell's continued line. */
const BREAK = '(?:[=\\\\]\\r?\\n)?';
const ANY = `(?:[0-9A-Za-z_]|${escapeOf('[3-7][0-9A-Fa-f]', '[0-9]{2,3}')})`;
const ESCAPED = new RegExp(
  `${letter('g')}${BREAK}${letter('t')}${BREAK}${letter('h')}${BREAK}${letter('_')}(?:${BREAK}${ANY}){${TOKEN_CHARS - 4}}`,
  'g',
);
const HEX_IN_ESCAPE = /(?:%(?:25)*|=|\\+u00|\\+x|&#x)([0-9A-Fa-f]{2});?|&#([0-9]{2,3});|[=\\]\r?\n/g;

/** Base64 of `gth_` at its three alignments, and of the same in UTF-16; a MIME or YAML line break may be anywhere. */
const WRAP = '(?:(?:\\r?\\n|\\\\r|\\\\n)[ \\t]{0,40}){0,3}';
const wrapped = (text: string) => [...text.matchAll(/\[[^\]]+\]|./g)].map(([part]) => part).join(WRAP);
const BASE64_STARTS: readonly (readonly [pattern: string, before: string])[] = [
  ['Z3RoX[23z]', ''],
  ['d0aF[89]', 'AG'],
  ['ndGhf', 'AAB'],
  ['ZwB0AGgAXw', ''],
  ['cAdABoAF8A', 'AG'],
  ['nAHQAaABf', 'AAB'],
];
const BASE64 = new RegExp(BASE64_STARTS.map(([pattern]) => `(${wrapped(pattern)})`).join('|'), 'g');
/** Characters after the start that are decoded: a token in JSON escapes and UTF-16. */
const BASE64_CHARS = 2_048;
const BASE64_LINE = /(?:\r?\n|\\r|\\n)[ \t]{0,40}/g;

/** A gzip stream in base64, or base64 in base64: how releases and secrets of Kubernetes are exported. */
const PACKED = new RegExp(
  `(?<![0-9A-Za-z+/])(?:H4sI|SDRzS)(?:[0-9A-Za-z+/]|${BASE64_LINE.source}){60,}`,
  'g',
);
const MAX_PACKED_DEPTH = 3;

/** Unpacks what is packed inside a text; undefined when a bound was reached. */
export interface Unpacker {
  gunzip(bytes: Buffer): Buffer | undefined;
}

function hitOf(text: string, at: number, encoding: Encoding): Hit | undefined {
  const id = tokenIdOf(text);
  return id === undefined ? undefined : { at, encoding, id, digest: tokenDigest(text) };
}

function unescaped(text: string): string {
  return text.replaceAll(HEX_IN_ESCAPE, (_all, hex?: string, decimal?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return decimal === undefined ? '' : String.fromCharCode(Number(decimal));
  });
}

function plainHits(text: string): readonly Hit[] {
  return [...text.matchAll(PLAIN)].flatMap(({ 0: found, index }) => hitOf(found, index, 'plain') ?? []);
}

function escapedHits(text: string): readonly Hit[] {
  return [...text.matchAll(ESCAPED)].flatMap(({ 0: found, index }) => {
    const clear = unescaped(found).slice(0, TOKEN_CHARS);
    return clear === found ? [] : (hitOf(clear, index, 'escaped') ?? []);
  });
}

/** The same characters without the zero bytes between them: UTF-16 and UTF-32, either byte order. */
function narrowed(text: string): string | undefined {
  return /[\x20-\x7e]\0{1,3}[\x20-\x7e]\0{1,3}[\x20-\x7e]/.test(text) ? text.replaceAll('\0', '') : undefined;
}

/** Index in the text of a character that has this index without zero bytes. */
function widenedIndex(text: string, narrow: number): number {
  let left = narrow;
  let at = -1;
  do {
    at += 1;
    if (text.charCodeAt(at) !== 0) left -= 1;
  } while (left >= 0);
  return at;
}

function base64Hits(text: string): readonly Hit[] {
  return [...text.matchAll(BASE64)].flatMap((match) => {
    const which = match.slice(1).findIndex((group) => group !== undefined);
    const [, before = ''] = BASE64_STARTS[which] ?? [];
    const run = text.slice(match.index, match.index + BASE64_CHARS).replaceAll(BASE64_LINE, '');
    // A start in the middle of a group of four gets a beginning with the bits of `g` that stood before it.
    const decoded = Buffer.from(`${before}${run}`, 'base64').toString('latin1');
    const [first] = clearHits(decoded);
    return first === undefined ? [] : [{ ...first, at: match.index, encoding: 'base64' as const }];
  });
}

function clearHits(text: string): readonly Hit[] {
  const narrow = narrowed(text);
  return [
    ...plainHits(text),
    ...escapedHits(text),
    ...(narrow === undefined ? [] : narrowHits(text, narrow)),
  ];
}

function narrowHits(text: string, narrow: string): readonly Hit[] {
  return [...plainHits(narrow), ...escapedHits(narrow)].map((hit) => ({
    ...hit,
    at: widenedIndex(text, hit.at),
    encoding: 'utf-16' as const,
  }));
}

function packedHits(text: string, unpacker: Unpacker, depth: number): readonly Hit[] {
  if (depth >= MAX_PACKED_DEPTH) return [];
  return [...text.matchAll(PACKED)].flatMap(({ 0: run, index }) => {
    const bytes = Buffer.from(run.replaceAll(BASE64_LINE, ''), 'base64');
    const clear = run.startsWith('H4sI') ? unpacker.gunzip(bytes) : bytes;
    if (clear === undefined) return [];
    return hitsIn(clear.toString('latin1'), unpacker, depth + 1).map((hit) => ({
      ...hit,
      at: index,
      encoding: 'base64' as const,
    }));
  });
}

/** Every token in a text of bytes, however it is written; one written several ways at once may be named twice. */
export function hitsIn(text: string, unpacker: Unpacker, depth = 0): readonly Hit[] {
  return [...clearHits(text), ...base64Hits(text), ...packedHits(text, unpacker, depth)];
}
