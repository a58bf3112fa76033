import type { BudgetLine } from '../../../controls/budget/types.ts';
import { shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import { beside, type View } from '../view.ts';
import { formatBytes } from './egress.ts';
import { table } from './table.ts';

export interface Budget {
  readonly lines: readonly BudgetLine[];
  readonly unpriced: readonly string[];
}

function amount(measure: BudgetLine['measure'], value: number): string {
  switch (measure) {
    case 'bytes':
      return formatBytes(value);
    case 'money':
      return value.toFixed(2);
    case 'requests':
    case 'runs':
    case 'tokens':
      return value.toLocaleString('en');
  }
}

/** What is used counts with what is set aside: both are refused past the limit. */
function share({ used, reserved, limit }: BudgetLine): string {
  return limit === 0 ? 'closed' : `${Math.floor(((used + reserved) / limit) * 100)} %`;
}

/** Each limit with its use, and the models that a limit on money refuses because nobody said their price. */
export function budgetLines({ lines, unpriced }: Budget, view: View): readonly string[] {
  const refused =
    unpriced.length === 0
      ? []
      : [
          '',
          ...beside(
            view.paint('bad', 'refused: '),
            `${unpriced.map(shownLine).join(', ')}: money is limited and budget.prices says nothing of it`,
            { indent: 'refused: '.length, columns: view.columns },
          ),
        ];
  return [
    ...table(
      lines,
      [
        { title: 'WHOSE', value: ({ scope }) => scope },
        {
          title: 'LIMIT',
          value: (row) => `${amount(row.measure, row.limit)} ${row.measure} a ${row.period}`,
        },
        { title: 'USED', value: (row) => amount(row.measure, row.used) },
        { title: 'SET ASIDE', value: (row) => amount(row.measure, row.reserved) },
        { title: 'SHARE', value: share },
        { title: 'ANEW', value: ({ resetsAt }) => formatInstant(resetsAt) },
      ],
      view,
      'Nothing is limited (budget in gatehouse.json and in playbooks).',
    ),
    ...refused,
  ];
}
