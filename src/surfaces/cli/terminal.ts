/**
 * What a terminal would act on instead of showing: C0 and C1 controls (ECMA-48), DEL, and the characters that
 * reorder text (UAX 9). A model, a tool or a sender chose this text, and an escape sequence in it could move
 * the cursor over an approval, change the title, or write to the clipboard (attack 74). Line feed and tab pass.
 */
const ACTIVE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|[\u{e0000}-\u{e007f}]/gu;

/** Further characters that leave no trace on a screen; in a command each of them matters. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

function marker(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `\u27e8U+${hex}\u27e9`;
}

/** Text that others wrote, safe to write to a terminal; anything it would act on is shown as ⟨U+XXXX⟩. */
export function shown(text: string): string {
  return text.replace(ACTIVE, marker);
}

/** A command that others wrote, with every invisible character made visible. */
export function shownCommand(text: string): string {
  return text.replace(INVISIBLE, (character) =>
    character === '\n' || character === '\t' ? character : marker(character),
  );
}

/** On one line: line feeds and tabs become spaces. */
export function shownLine(text: string): string {
  return shown(text.replaceAll(/[\n\t]+/g, ' '));
}

/** The same JSON, with every character that a terminal would act on written as an escape. */
export function shownJson(value: unknown, indent = 2): string {
  const json = JSON.stringify(value, null, indent) ?? 'null';
  return json.replace(ACTIVE, escaped);
}

/** RFC 8259 section 7: one escape per UTF-16 code unit. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}

export type Tone = 'good' | 'warn' | 'bad' | 'dim' | 'strong';

const TONES: Readonly<Record<Tone, readonly [on: string, off: string]>> = {
  good: ['\u001b[32m', '\u001b[39m'],
  warn: ['\u001b[33m', '\u001b[39m'],
  bad: ['\u001b[31m', '\u001b[39m'],
  dim: ['\u001b[2m', '\u001b[22m'],
  strong: ['\u001b[1m', '\u001b[22m'],
};

/** Colours our own words; never given text that others wrote before `shown` saw it. */
export type Paint = (tone: Tone, text: string) => string;

/** Colour only for a person at a terminal who did not ask for none (no-color.org). */
export function painter(isTTY: boolean, env: Readonly<Record<string, string | undefined>>): Paint {
  const plain = !isTTY || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  if (plain) return (_tone, text) => text;
  return (tone, text) => `${TONES[tone][0]}${text}${TONES[tone][1]}`;
}
