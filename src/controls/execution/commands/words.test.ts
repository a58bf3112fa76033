import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { analyseCommand, commandWords } from './analyse.ts';
import { canonicalArgv } from './canonical.ts';
import { decodeWord } from './words.ts';

/** Without start-up files: bash reads them when it takes its standard input for a network connection. */
const SHELLS = { sh: ['/bin/sh', '-c'], bash: ['/bin/bash', '--norc', '--noprofile', '-c'] } as const;

function shellArgv(shell: keyof typeof SHELLS, words: string): readonly string[] {
  const [program, ...options] = SHELLS[shell];
  const output = execFileSync(program, [...options, `printf '%s\\0' ${words}`], {
    encoding: 'utf8',
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return output.split('\0').slice(0, -1);
}

test('quotes and backslashes are removed as POSIX says', () => {
  const cases: readonly [string, string][] = [
    ["'a b'", 'a b'],
    ['"a b"', 'a b'],
    [String.raw`a\ b`, 'a b'],
    [String.raw`"\$\a\\\""`, String.raw`$\a\"`],
    [`''`, ''],
    [`a"b"'c'\\d`, 'abcd'],
    ['HEAD~1', 'HEAD~1'],
    ['a#b', 'a#b'],
    ['{}', '{}'],
    ['--file=x', '--file=x'],
  ];
  for (const [text, value] of cases) assert.deepEqual(decodeWord(text), { clear: true, value }, text);
});

test('a word that only the running shell can resolve is not clear', () => {
  const words = [
    '$x',
    '${x}',
    '"$x"',
    '`x`',
    '"`x`"',
    '*',
    'a?',
    '[ab]',
    '{a,b}',
    '~',
    '~root',
    'a=~',
    "$'a'",
  ];
  for (const word of [
    ...words,
    '$"a"',
    'a\\\nb',
    '"a\\\nb"',
    "'a",
    '"a',
    'a\\',
    '#a',
    '!x',
    'a;b',
    'a\u200bb',
  ]) {
    assert.equal(decodeWord(word).clear, false, word);
  }
});

const character = fc.constantFrom(
  'a',
  'b',
  ' ',
  '$',
  '`',
  '"',
  "'",
  '\\',
  '*',
  '~',
  '!',
  '#',
  ';',
  '\n',
  'é',
  '-',
);
const argument = fc.string({ unit: character, maxLength: 8 });

/** Several ways to write the same argument. */
function quotings(value: string): fc.Arbitrary<string> {
  return fc.constantFrom(
    canonicalArgv([value]),
    `'${value.replaceAll("'", `'"'"'`)}'`,
    `"${value.replaceAll(/[$`"\\]/g, String.raw`\$&`)}"`,
  );
}

test('quoting the arguments of an allowed command in any way keeps its meaning', () => {
  const written = fc
    .array(argument, { minLength: 1, maxLength: 4 })
    .chain((values) => fc.tuple(fc.constant(values), fc.tuple(...values.map(quotings))));
  fc.assert(
    fc.property(written, ([values, words]) => {
      const { actions, unclear } = analyseCommand(`ls ${words.join(' ')}`, '/workspace');
      assert.deepEqual(unclear, []);
      assert.deepEqual(
        actions.map(({ command }) => command),
        [canonicalArgv(['ls', ...values])],
      );
    }),
  );
});

test('the real sh and bash read every word that is clear as the same argument', () => {
  const unit = fc.constantFrom(
    'a',
    'b',
    ' ',
    '"',
    "'",
    '\\',
    '~',
    '#',
    '!',
    '=',
    '-',
    'é',
    ']',
    '{}',
    ',',
    '\t',
  );
  fc.assert(
    fc.property(fc.string({ unit, minLength: 1, maxLength: 10 }), (words) => {
      const { unclear } = analyseCommand(`ls -- ${words}`, '/workspace');
      if (unclear.length > 0) return;
      const expected = commandWords(`ls -- ${words}`, '/workspace').words.slice(2);
      if (expected.length === 0) return;
      assert.deepEqual(shellArgv('sh', words), expected);
      assert.deepEqual(shellArgv('bash', words), expected);
    }),
    { numRuns: 150 },
  );
});

test('an argv written canonically is read back as itself, by us and by the shell', () => {
  fc.assert(
    fc.property(fc.array(argument, { minLength: 1, maxLength: 4 }), (values) => {
      const words = commandWords(`ls ${canonicalArgv(values)}`, '/workspace').words;
      assert.deepEqual(words, ['ls', ...values]);
    }),
  );
  const values = ["it's", '', 'a b', '$x', 'line\nfeed', '-n'];
  assert.deepEqual(shellArgv('sh', canonicalArgv(values)), values);
});
