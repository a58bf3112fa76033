import { hasHiddenCharacters } from '../visible.ts';

/** What one word of shell source stands for, or why that is not known before the shell runs. */
export type DecodedWord =
  | { readonly clear: true; readonly value: string }
  | { readonly clear: false; readonly reason: string };

/** Unquoted characters that mean themselves anywhere in a word, in dash and in bash alike. */
const ORDINARY = /^[A-Za-z0-9_@%+=:,./^-]$/;
/** Words that are literal as a whole although a character in them is special elsewhere. */
const LITERAL_WORDS: ReadonlySet<string> = new Set(['{}', '[', ']', '!', '!=']);
const SPECIAL: Readonly<Record<string, string>> = {
  $: 'an expansion ($)',
  '`': 'a command substitution',
  '*': 'a glob (*)',
  '?': 'a glob (?)',
  '[': 'a glob ([)',
  ']': 'a glob (])',
  '{': 'a brace expansion',
  '}': 'a brace expansion',
  '~': 'a tilde expansion',
  '!': 'an exclamation mark outside quotes',
};

interface Piece {
  readonly value: string;
  /** Index of the first character after the piece. */
  readonly next: number;
}

function unclear(reason: string): DecodedWord {
  return { clear: false, reason };
}

function singleQuoted(text: string, start: number): Piece | string {
  const end = text.indexOf("'", start + 1);
  if (end < 0) return 'a quote that is not closed';
  return { value: text.slice(start + 1, end), next: end + 1 };
}

/** POSIX 2.2.3: inside double quotes a backslash is special only before `$`, a backquote, `"`, itself and LF. */
function doubleQuoted(text: string, start: number): Piece | string {
  let value = '';
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') return { value, next: at + 1 };
    if (character === '$' || character === '`') return 'an expansion inside double quotes';
    if (character !== '\\') {
      value += character;
      continue;
    }
    const escaped = text.charAt(at + 1);
    if (escaped === '\n') return 'a line continuation';
    value += '$`"\\'.includes(escaped) ? escaped : `\\${escaped}`;
    at += 1;
  }
  return 'a quote that is not closed';
}

function escaped(text: string, start: number): Piece | string {
  const character = String.fromCodePoint(text.codePointAt(start + 1) ?? 0);
  if (start + 1 >= text.length) return 'a backslash at the end';
  if (character === '\n') return 'a line continuation';
  return { value: character, next: start + 1 + character.length };
}

function unquoted(text: string, at: number): Piece | string {
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
  const piece = { value: character, next: at + character.length };
  if (ORDINARY.test(character) || (character.codePointAt(0) ?? 0) > 0x7f) return piece;
  // `HEAD~1` and `a#b`: special only at the start of a word, the tilde also after `:` and `=`.
  if (character === '#' && at > 0) return piece;
  if (character === '~' && at > 0 && !':='.includes(text.charAt(at - 1))) return piece;
  return SPECIAL[character] ?? 'a shell operator inside a word';
}

function decodePiece(text: string, at: number): Piece | string {
  switch (text.charAt(at)) {
    case "'":
      return singleQuoted(text, at);
    case '"':
      return doubleQuoted(text, at);
    case '\\':
      return escaped(text, at);
    default:
      return unquoted(text, at);
  }
}

/**
 * Remove the quotes of one word by POSIX 2.2, refusing everything that only the running shell could resolve
 * and everything on which dash and bash differ. It reads the raw text on its own, so that a mistake of the
 * parser has to be made twice to matter.
 */
export function decodeWord(text: string): DecodedWord {
  if (hasHiddenCharacters(text)) return unclear('a hidden or control character');
  if (LITERAL_WORDS.has(text)) return { clear: true, value: text };
  let value = '';
  let at = 0;
  while (at < text.length) {
    const piece = decodePiece(text, at);
    if (typeof piece === 'string') return unclear(piece);
    value += piece.value;
    at = piece.next;
  }
  return { clear: true, value };
}
