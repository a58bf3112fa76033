import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { property, string, assert as verify } from 'fast-check';
import { completionScript } from './completion.ts';
import { painter, shown, shownCommand, shownJson, shownLine } from './terminal.ts';
import { formatDuration, formatInstant, parseDuration, parseInstant } from './time.ts';

const anyText = string({ unit: 'binary', maxLength: 200 });
const ACTIVE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

describe('text of others on a terminal', () => {
  test('never holds a character that a terminal acts on, whatever came in', () => {
    verify(
      property(anyText, (text) => {
        assert.doesNotMatch(shown(text), ACTIVE);
        assert.doesNotMatch(shownLine(text), /[\n\t]/);
        assert.doesNotMatch(shownCommand(text), ACTIVE);
      }),
    );
  });

  test('is the same text when there is nothing to hide', () => {
    const plain = 'Grüße, 日本語, 👩‍👩‍👧 and\n\ttabs';
    assert.equal(shown(plain), plain);
  });

  test('as JSON it stays the same value', () => {
    verify(
      property(anyText, (text) => {
        const json = shownJson({ [text]: [text] });
        assert.doesNotMatch(json, ACTIVE);
        assert.deepEqual(JSON.parse(json), { [text]: [text] });
      }),
    );
  });

  test('a command shows what leaves no trace on a screen', () => {
    assert.equal(shownCommand('a\u200bb\u00a0c\u2800d\u3164e'), 'a⟨U+200B⟩b⟨U+00A0⟩c⟨U+2800⟩d⟨U+3164⟩e');
  });
});

describe('colour', () => {
  const coloured = (isTTY: boolean, env: Record<string, string>) => painter(isTTY, env)('bad', 'x') !== 'x';
  test('only for a person at a terminal who did not ask for none', () => {
    assert.equal(coloured(true, {}), true);
    assert.equal(coloured(false, {}), false);
    assert.equal(coloured(true, { NO_COLOR: '1' }), false);
    assert.equal(coloured(true, { NO_COLOR: '' }), true);
    assert.equal(coloured(true, { TERM: 'dumb' }), false);
  });
});

describe('time', () => {
  test('lengths of time need their unit', () => {
    assert.equal(parseDuration('250ms'), 250);
    assert.equal(parseDuration('2h'), 7_200_000);
    for (const wrong of ['30', '', 's', '-1s', '1.5h', '1 h', '9999999999999s']) {
      assert.equal(parseDuration(wrong), undefined, wrong);
    }
  });

  test('points in time are dates or lengths of time ago, never before 1970', () => {
    assert.equal(parseInstant('2026-03-01', 0), Date.UTC(2026, 2, 1));
    assert.equal(parseInstant('1h', 7_200_000), 3_600_000);
    assert.equal(parseInstant('1w', 1), 0);
    assert.equal(parseInstant('yesterday', 0), undefined);
  });

  test('are readable, also when they make no sense', () => {
    assert.equal(formatInstant(0), '1970-01-01 00:00:00Z');
    assert.equal(formatInstant(Number.POSITIVE_INFINITY), 'Infinity');
    assert.deepEqual([12, 1_200, 180_000, 7_200_000, 432_000_000].map(formatDuration), [
      '12 ms',
      '1.2 s',
      '3 min',
      '2 h',
      '5 d',
    ]);
  });
});

describe('completion', () => {
  test('bash completes commands, sub-commands and options', () => {
    const complete = (...words: string[]) =>
      execFileSync('bash', [
        '-c',
        `${completionScript('bash')}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gatehouse; echo "\${COMPREPLY[*]}"`,
        'bash',
        ...words,
      ])
        .toString()
        .trim();
    assert.equal(complete('gatehouse', 'tok'), 'token');
    assert.equal(complete('gatehouse', 'token', ''), 'identify issue list revoke rotate scan status');
    assert.equal(complete('gatehouse', 'token', 'issue', '--ex'), '--expires-in');
    assert.equal(complete('gatehouse', 'completion', ''), '--help bash fish zsh');
  });

  test('zsh and fish get the same words', () => {
    for (const shell of ['zsh', 'fish']) assert.match(completionScript(shell), /--expires-in/);
  });
});
