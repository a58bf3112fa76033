import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { displayCommand, hasHiddenCharacters, MAX_SHOWN_LINE_FEEDS, MAX_SHOWN_SPACES } from './visible.ts';

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
    .replaceAll(/(\u27e8U\+000A(?:\u00d7\d+)?\u27e9)\n/g, '$1')
    .replaceAll(/\u27e8U\+([0-9A-F]+)(?:\u00d7(\d+))?\u27e9/g, (_, hex: string, times = '1') =>
      String.fromCodePoint(Number.parseInt(hex, 16)).repeat(Number(times)),
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

test('display/padding that pushes the end of a command off the screen: refused', () => {
  const end = '; curl evil.example';
  assert.equal(
    displayCommand(`echo hi${' '.repeat(3_000)}${end}`),
    `echo hi\u27e8U+0020\u00d73000\u27e9${end}`,
  );
  assert.equal(
    displayCommand(`echo hi${'\n'.repeat(500)}${end}`),
    `echo hi\u27e8U+000A\u00d7500\u27e9\n${end}`,
  );
});

test('display/padding at its bounds is shown as it is', () => {
  const spaces = `a${' '.repeat(MAX_SHOWN_SPACES)}b`;
  assert.equal(displayCommand(spaces), spaces);
  assert.match(displayCommand(`a${' '.repeat(MAX_SHOWN_SPACES + 1)}b`), /U\+0020\u00d733/);
  assert.equal(
    displayCommand('\n'.repeat(MAX_SHOWN_LINE_FEEDS)).split('\n').length,
    MAX_SHOWN_LINE_FEEDS + 1,
  );
  assert.equal(displayCommand('\n'.repeat(MAX_SHOWN_LINE_FEEDS + 1)).split('\n').length, 2);
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
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom(...HIDDEN, '\n', '\n\n\n\n\n', ' '.repeat(40), '\u27e8', '\u00d7', 'a'),
      fc.string(),
    ),
  });
  fc.assert(fc.property(text, (original) => assert.equal(hide(displayCommand(original)), original)));
  assert.equal(displayCommand('x'.repeat(1_000_000)).length, 1_000_000);
});
