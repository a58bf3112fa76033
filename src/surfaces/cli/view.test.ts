import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { integer, property, string, assert as verify } from 'fast-check';
import { type Column, pairs, table } from './render/table.ts';
import { cli, fakeGateway, json } from './testing/harness.ts';
import { asTyped, type View, wrapped } from './view.ts';

const plain: View = { paint: (_tone, text) => text, command: 'gatehouse' };
const checkout = { ...plain, command: './bin/gatehouse.mjs' };

describe('a command in a hint', () => {
  test('is named as this person types it; paths, files and prose stay', () => {
    assert.equal(asTyped('`gatehouse doctor`', checkout), '`./bin/gatehouse.mjs doctor`');
    assert.equal(asTyped('Usage: gatehouse <command>', checkout), 'Usage: ./bin/gatehouse.mjs <command>');
    for (const other of ['gatehouse.json', '/opt/gatehouse is', '~/.gatehouse when', 'Gatehouse runs']) {
      assert.equal(asTyped(other, checkout), other);
    }
  });

  test('is right in help, in the fix of an error and in what follows a result', async () => {
    const command = './bin/gatehouse.mjs';
    const help = await cli(['token', 'issue', '--help'], { command });
    assert.match(help.stdout, /^Usage: \.\/bin\/gatehouse\.mjs token issue/);
    assert.match(help.stdout, /\n {2}\.\/bin\/gatehouse\.mjs token issue laptop/);
    const absent = await cli(['gateway', 'status'], { command });
    assert.match(absent.stderr, /\nfix: \.\/bin\/gatehouse\.mjs gateway run\n$/);
  });

  test('never changes what an error says about the input of others', async () => {
    await using gateway = await fakeGateway((_call, response) => {
      const error = {
        code: 'OP_AGENT_UNKNOWN',
        message: 'no agent gatehouse doctor',
        fix: 'gatehouse agents list',
      };
      json(response, 404, { ok: false, error });
    });
    const run = await cli(['agents', 'list'], { socketPath: gateway.socketPath, command: './g' });
    assert.equal(run.stderr, 'OP_AGENT_UNKNOWN: no agent gatehouse doctor\nfix: ./g agents list\n');
  });
});

describe('the width of a terminal', () => {
  const rows = [{ id: 'a1', text: 'one two three four five six seven eight nine ten eleven' }];
  const columns: readonly Column<{ id: string; text: string }>[] = [
    { title: 'ID', value: (row) => row.id },
    { title: 'TEXT', value: (row) => row.text },
  ];

  test('words are kept, in order, and lines are no longer than asked unless a word is', () => {
    verify(
      property(string({ maxLength: 200 }), integer({ min: 1, max: 80 }), (text, width) => {
        const lines = wrapped(text, width);
        assert.equal(lines.join(' '), text);
        assert.ok(lines.every((line) => line.length <= width || !line.includes(' ')));
      }),
    );
  });

  test('a table that does not fit breaks its last column below itself', () => {
    assert.deepEqual(table(rows, columns, { ...plain, columns: 40 }, ''), [
      'ID  TEXT',
      'a1  one two three four five six seven',
      '    eight nine ten eleven',
    ]);
  });

  test('a table without room even for that shows every row as a block', () => {
    assert.deepEqual(table([...rows, ...rows], columns, { ...plain, columns: 20 }, ''), [
      'ID    a1',
      `TEXT  ${rows[0]?.text}`,
      '',
      'ID    a1',
      `TEXT  ${rows[0]?.text}`,
    ]);
  });

  test('without a terminal nothing is broken', () => {
    assert.deepEqual(pairs([['text', rows[0]?.text]], plain), [`text  ${rows[0]?.text}`]);
    assert.equal(table(rows, columns, plain, '').length, 2);
  });
});
