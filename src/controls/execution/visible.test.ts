import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { displayCommand, hasHiddenCharacters } from './visible.ts';

const HIDDEN = [
  '\u202e',
  '\u2066',
  '\u200b',
  '\ufeff',
  '\u00ad',
  '\u0000',
  '\u001b',
  '\r',
  '\u00a0',
  '\u3164',
];

function hide(shown: string): string {
  return shown
    .replaceAll('\u27e8U+000A\u27e9\n', '\u27e8U+000A\u27e9')
    .replaceAll(/\u27e8U\+([0-9A-F]+)\u27e9/g, (_, hex: string) =>
      String.fromCodePoint(Number.parseInt(hex, 16)),
    );
}

test('display/a character that hides or reorders a command: refused to stay invisible', () => {
  for (const character of [...HIDDEN, '\u{e0041}', '\ufe0f', '\u2028', '\u2800', '\ufffd']) {
    const shown = displayCommand(`rm ${character} x`);
    const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    assert.equal(shown, `rm \u27e8U+${hex}\u27e9 x`);
    assert.equal(hasHiddenCharacters(`rm ${character} x`), true);
  }
});

test('display/a text that contains a made-up marker: refused to pass as one', () => {
  assert.equal(displayCommand('\u27e8U+202E\u27e9'), '\u27e8U+27E8\u27e9U+202E\u27e9');
});

test('ordinary text, also in other scripts, is shown as it is', () => {
  for (const text of ["git commit -m 'Größe 测试 кот 🙂'", 'a | b > c']) {
    assert.equal(displayCommand(text), text);
    assert.equal(hasHiddenCharacters(text), false);
  }
});

test('a line feed shows its marker and still breaks the line', () => {
  assert.equal(displayCommand('a\nb'), 'a\u27e8U+000A\u27e9\nb');
});

test('nothing is cut off, however long, and the original can be read back from what is shown', () => {
  const text = fc.string({ unit: fc.oneof(fc.constantFrom(...HIDDEN, '\n', '\u27e8', 'a'), fc.string()) });
  fc.assert(fc.property(text, (original) => assert.equal(hide(displayCommand(original)), original)));
  assert.equal(displayCommand('x'.repeat(1_000_000)).length, 1_000_000);
});
