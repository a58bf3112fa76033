/**
 * Characters that a screen does not show, or that change the order in which it shows others (attack 74;
 * UTS 39 section 5.4, UAX 9): controls, formats, surrogates, private and unassigned code points, separators
 * other than the plain space, default-ignorable code points, and the blank Braille pattern.
 */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/u;
/** Spaces, and line feeds, in a row that are shown as they are; more of them would push text off the screen. */
export const MAX_SHOWN_SPACES = 32;
export const MAX_SHOWN_LINE_FEEDS = 4;
const PADDING = ` {${MAX_SHOWN_SPACES + 1},}|\\n{${MAX_SHOWN_LINE_FEEDS + 1},}`;
const HIDDEN_OR_MARKER = new RegExp(`${PADDING}|${HIDDEN.source}|[\u27e8\ufffd]`, 'gu');

/** Longer than one character only for padding. */
function marker(run: string): string {
  const character = String.fromCodePoint(run.codePointAt(0) ?? 0);
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const times = run.length / character.length;
  return `\u27e8U+${hex}${times > 1 ? `\u00d7${times}` : ''}\u27e9`;
}

/**
 * The whole text with every character that could hide or reorder it written as ⟨U+XXXX⟩. Nothing is cut off,
 * and the bracket itself is written that way too, so that a text cannot contain a made-up marker. A line feed
 * shows its marker and then breaks the line. Padding is written as one marker that counts it.
 */
export function displayCommand(text: string): string {
  return text.replace(HIDDEN_OR_MARKER, (run) => (run.startsWith('\n') ? `${marker(run)}\n` : marker(run)));
}

/** As `displayCommand` for text whose line feeds are meant, such as a diff. */
export function displayLines(text: string): string {
  return text.split('\n').map(displayCommand).join('\n');
}

/**
 * Whether the text has a character that a reader cannot see, or the replacement character that a lossy UTF-8
 * decoder leaves behind. Line feeds and tabs are ordinary in shell text and do not count.
 */
export function hasHiddenCharacters(text: string): boolean {
  const bare = text.replaceAll('\n', '').replaceAll('\t', '');
  return bare.includes('\ufffd') || HIDDEN.test(bare);
}
