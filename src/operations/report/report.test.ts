import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { csvLine, escapedHtml, markdownCell } from '../escaping.ts';
import type { Report } from './gather.ts';
import { currentQuarter, quarterOf } from './period.ts';
import { writtenReport } from './written.ts';

const HOSTILE = [
  "=cmd|'/c calc'!A1",
  '+1+1',
  '-2+3',
  '@SUM(A1)',
  '\t=1',
  '\uff1d1',
  '|x',
  '<script>alert(1)</script>',
  'a|b\n| c |',
  '"x",y',
];

const report: Report = {
  title: 'Report 2026Q4',
  install: 'prod <eu>',
  from: Date.UTC(2026, 9, 1),
  until: Date.UTC(2027, 0, 1),
  complete: false,
  createdAt: Date.UTC(2026, 10, 28, 5),
  sections: [
    {
      id: 'egress',
      title: 'Egress by destination',
      columns: ['destination', 'count'],
      rows: [...HOSTILE.map((text, n) => [text, n]), ['plain', -5], ['figure', '-5.25']],
      note: 'A note.',
    },
    { id: 'none', title: 'Nothing', columns: ['a'], rows: [], note: '' },
  ],
};

/** RFC 4180, as a spreadsheet reads it. */
function readCsv(text: string): readonly (readonly string[])[] {
  return text
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const cells: string[] = [];
      const cell = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
      for (let more = true; more; ) {
        const [, quoted, plain, end] = cell.exec(line) ?? assert.fail(line);
        cells.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
        more = end === ',';
      }
      return cells;
    });
}

describe('periods', () => {
  test('a quarter is three months in UTC, and this one holds now', () => {
    assert.deepEqual(quarterOf('2026q4'), {
      title: '2026Q4',
      from: Date.UTC(2026, 9, 1),
      until: Date.UTC(2027, 0, 1),
    });
    assert.equal(currentQuarter(Date.UTC(2026, 11, 31, 23, 59, 59, 999)).title, '2026Q4');
    assert.equal(currentQuarter(Date.UTC(2027, 0, 1)).title, '2027Q1');
    for (const wrong of ['2026Q5', '2026', 'Q1', '26Q1']) {
      assert.throws(() => quarterOf(wrong), { code: 'OP_INPUT_INVALID' });
    }
  });
});

describe('the written report', () => {
  test('report/a cell that a spreadsheet would calculate: refused, in every form that is known', () => {
    const lines = readCsv(writtenReport(report, 'csv'));
    assert.deepEqual(lines[0], ['section', 'item', 'measure', 'value']);
    for (const line of lines.slice(1)) {
      assert.equal(line.length, 4);
      for (const cell of line) assert.match(cell, /^(?![\s=+@|\uff1d-])|^-?\d+(\.\d+)?$/, cell);
    }
    assert.deepEqual(lines.at(-2), ['egress', 'plain', 'count', '-5']);
    assert.deepEqual(lines.at(-1), ['egress', 'figure', 'count', '-5.25'].slice(0, 3).concat('-5.25'));
  });

  test('whatever stands in a cell is one cell again, and never a formula', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 }), (cells) => {
        const [line] = readCsv(`${csvLine(cells)}\r\n`);
        if (cells.every((cell) => cell === '')) return;
        assert.equal(line?.length, cells.length);
        for (const cell of line ?? []) assert.ok(!/^[=+@]/.test(cell) || /^-?\d/.test(cell), cell);
      }),
    );
  });

  test('report/a formula behind a semicolon, for a spreadsheet that separates by it: refused', () => {
    for (const cell of ["a;=cmd|'/C calc'!A0", 'a; +1+1', 'a;"@SUM(1)', 'a;;-2+3']) {
      for (const part of csvLine(['x', cell]).split(';').slice(1))
        assert.doesNotMatch(part, /^["\s]*[=+@-]/, cell);
    }
  });

  test('report/markup in a cell: refused; it is text in HTML and in Markdown', () => {
    const html = writtenReport(report, 'html');
    assert.doesNotMatch(html, /<script|onerror=/);
    assert.match(html, /&lt;script&gt;/);
    assert.match(html, /prod &lt;eu&gt;/);
    assert.match(html, /default-src 'none'/);
    const md = writtenReport(report, 'md');
    const rows = md.split('\n').filter((line) => line.startsWith('|'));
    for (const row of rows) assert.equal(row.match(/(?<!\\)\|/g)?.length, 3, row);
    assert.doesNotMatch(md, /(?<!\\)<script/);
    assert.equal(markdownCell('a|b\nc'), 'a\\|b c');
    assert.equal(escapedHtml('"<&>'), '&quot;&lt;&amp;&gt;');
  });

  test('a period that is not over says so, and an empty table says that there is nothing', () => {
    const md = writtenReport(report, 'md');
    assert.match(md, /the period is not over, this is up to 2026\\?-11\\?-28T05:00/);
    assert.match(md, /## Nothing\n\nNone\./);
    assert.deepEqual(JSON.parse(writtenReport(report, 'json')), report);
  });
});
