import type { Difference } from '../../../controls/trace/index.ts';
import { shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import { asTyped, type View } from '../view.ts';
import { table } from './table.ts';

interface BaselineRow {
  readonly number: number;
  readonly at: number;
  readonly author: string;
  readonly ticket: string;
}

export function baselineLines(
  { baseline }: { readonly baseline: BaselineRow },
  view: View,
): readonly string[] {
  return [
    `Signed as baseline ${baseline.number}.`,
    asTyped('It is compared after each start and every minute; now: gatehouse drift check', view),
  ];
}

export interface Look {
  readonly at: number;
  readonly baseline: BaselineRow;
  readonly differences: readonly Difference[];
}

/** What one look found, with its time. */
export function lookLines({ at, ...report }: Look, view: View): readonly string[] {
  return [view.paint('dim', formatInstant(at)), ...driftLines(report, view), ''];
}

/** What differs as a table; the order is that of the parts of an install. */
export function driftLines(
  report: { readonly baseline: BaselineRow; readonly differences: readonly Difference[] },
  view: View,
): readonly string[] {
  const { number, at, author, ticket } = report.baseline;
  const head = `Baseline ${number}, ${formatInstant(at)} by ${shownLine(author)} (${shownLine(ticket)})`;
  if (report.differences.length === 0) return [`${view.paint('good', 'As approved')}: ${head}.`];
  return [
    `${view.paint('bad', `${report.differences.length} differences`)} from ${head}`,
    '',
    ...table(
      report.differences,
      [
        { title: 'PART', value: ({ section }) => section },
        { title: 'NAME', value: ({ name }) => name },
        { title: 'APPROVED', value: ({ before }) => before },
        { title: 'NOW', value: ({ after }) => after },
      ],
      view,
      '',
    ),
  ];
}
