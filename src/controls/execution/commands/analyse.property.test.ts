import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { fuzz } from '../../../kernel/testing/fuzz.ts';
import { analyseCommand } from './analyse.ts';
import { canonicalArgv } from './canonical.ts';

const CWD = '/workspace';

const syntax = fc.constantFrom(
  ...[
    [
      'ls',
      'git',
      'sh',
      '-c',
      'env',
      'if',
      'then',
      'fi',
      'for',
      'in',
      'do',
      'done',
      'case',
      'esac',
      'function',
    ],
    [
      '$',
      '$(',
      '${',
      '$((',
      ')',
      '}',
      '`',
      '"',
      "'",
      '\\',
      '|',
      '||',
      '&',
      '&&',
      ';',
      ';;',
      '<',
      '>',
      '<<',
      '<<<',
    ],
    [
      '<(',
      '>&',
      '&>',
      '*',
      '?',
      '[',
      ']',
      '[[',
      ']]',
      '((',
      '))',
      '{',
      '~',
      '#',
      '!',
      '=',
      'A=',
      '\n',
      ' ',
      '\t',
    ],
    [
      'EOF',
      '\0',
      '\u202e',
      '\u200b',
      '\ud800',
      '/',
      '..',
      '-',
      'é',
      '1',
      '2>',
      'time',
      'coproc',
      'eval',
      '.',
    ],
  ].flat(),
);
const line = fc.oneof(
  fc.string({ unit: syntax, maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ maxLength: 60 }),
);

test('no line makes the analysis throw, and every action says whether the line is clear', async () => {
  await fuzz(
    fc.property(line, (text) => {
      const { actions, unclear } = analyseCommand(text, CWD);
      for (const action of actions) assert.equal(action.unclear, unclear.length > 0);
      if (unclear.length > 0) assert.ok(actions.length > 0);
    }),
    { numRuns: 3_000 },
  );
});

/** The text outside single quotes and without escaped characters, read by other code than the analysis. */
function bare(text: string): string {
  return text.replaceAll(/\\[^]|'[^']*'/g, '');
}

test('a line that is clear has no expansion outside single quotes', async () => {
  await fuzz(
    fc.property(line, (text) => {
      if (analyseCommand(text, CWD).unclear.length > 0) return;
      const doubleQuoted = /"(?:\\[^]|[^"\\])*"/g;
      assert.doesNotMatch(bare(text.replaceAll(doubleQuoted, (part) => part.replaceAll("'", ''))), /[$`]/);
    }),
    { numRuns: 3_000 },
  );
});

const HOSTILE = [
  [
    '$x',
    '${x:-y}',
    '$(id)',
    '`id`',
    '$((1+1))',
    '"$x"',
    '"$(id)"',
    '*',
    'a?',
    '[ab]*',
    '{a,b}',
    '{1..3}',
    '~',
    '~root',
  ],
  [
    "$'\\x41'",
    '$"x"',
    '<(id)',
    '>(id)',
    '<<<x',
    '|& cat',
    '&',
    '& ls',
    '&> f',
    '>& f',
    '{fd}> f',
    '>f$x',
    '# hidden',
  ],
  [
    '\u202e',
    '\u200b',
    '\u001b[2K',
    '\0',
    '\ud800',
    '\ufffd',
    '\\\n',
    '; f() { id; }',
    '; coproc id',
    '<<EOF\nx\nEOF\n',
  ],
  [
    '; for i in a; do ls; done',
    '; case a in a) ls;; esac',
    '; [[ -f x ]]',
    '; ((1))',
    '> /dev/tcp/a/1',
    '"a',
    "'a",
    '\\',
  ],
].flat();

test('commands/a metacharacter that is not understood, after any plain words: refused to be clear', async () => {
  const words = fc.array(fc.constantFrom('a', "'b c'", '"d"', '-l', 'x/y'), { maxLength: 3 });
  await fuzz(
    fc.property(words, fc.constantFrom(...HOSTILE), (plain, hostile) => {
      const text = ['ls', ...plain, hostile].join(' ');
      assert.notDeepEqual(analyseCommand(text, CWD).unclear, [], text);
    }),
    { numRuns: 500 },
  );
});

/** bash with nothing on its PATH reports every argv that it would have run, on a descriptor of its own. */
function bashRuns(text: string): readonly (readonly string[])[] {
  const report = String.raw`command_not_found_handle() { printf -v ran '%s\037' "$@"; printf '%s\036' "$ran" >&3; }`;
  const script = `${report}\neval "$1"`;
  const { output } = spawnSync('/bin/bash', ['--norc', '--noprofile', '-c', script, 'bash', text], {
    encoding: 'utf8',
    env: { PATH: '/nonexistent', LC_ALL: 'C.UTF-8' },
    cwd: '/',
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const runs = (output[3] ?? '').split('\u001e').slice(0, -1);
  return runs.map((run) => run.split('\u001f').slice(0, -1));
}

test('everything that the real bash runs for a clear line was listed', async () => {
  const unit = fc.constantFrom(
    'a',
    'b',
    ' ',
    ' ',
    ';',
    '|',
    '&&',
    '||',
    '"',
    "'",
    '\\',
    '(',
    ')',
    '{ ',
    '; }',
    '!',
    '\n',
    '#',
    '<',
    '&',
    'if ',
    'then ',
    'fi',
    '[[ ',
    ' ]]',
    '((',
    '))',
    'for ',
    ' in ',
    'do ',
    'done',
    'case ',
    'esac',
    ';;',
    '\\\n',
    "$'",
    '$"',
    'a=',
    'time ',
    'coproc ',
    '~',
    '{',
    '}',
    '[',
    ']',
    '-',
    '=',
    '\t',
    '\r',
    'é',
  );
  await fuzz(
    fc.property(fc.string({ unit, minLength: 1, maxLength: 16 }), (text) => {
      const { actions, unclear, files } = analyseCommand(text, CWD);
      if (unclear.length > 0 || files.length > 0) return;
      const listed = new Set(actions.map(({ command }) => command));
      for (const argv of bashRuns(text)) {
        assert.ok(listed.has(canonicalArgv(argv)), `${JSON.stringify(text)} ran ${JSON.stringify(argv)}`);
      }
    }),
    { numRuns: 800 },
  );
});
