import type { ExportStatus } from '../../../kernel/index.ts';
import { shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import type { View } from '../view.ts';
import { table } from './table.ts';

/** Where the ledger is delivered to, how far, and why not further. */
export function deliveryLines(destinations: readonly ExportStatus[], view: View): readonly string[] {
  const lines = table(
    destinations,
    [
      { title: 'NAME', value: (row) => row.name },
      { title: 'STATE', value: (row) => row.state },
      { title: 'WAITING', value: (row) => row.waiting },
      {
        title: 'LAST DELIVERED',
        value: (row) => (row.lastDeliveredAt === null ? 'never' : formatInstant(row.lastDeliveredAt)),
      },
      { title: 'SKIPPED', value: (row) => row.skipped },
      { title: 'FORMAT', value: (row) => row.format },
      { title: 'TARGET', value: (row) => row.target },
    ],
    view,
    'The ledger is delivered nowhere: trace.export of the configuration names no destination.',
  );
  const failures = destinations.flatMap(({ name, failure }) =>
    failure === null
      ? []
      : [
          `${view.paint('bad', shownLine(name))}: ${shownLine(failure.code)}, ${shownLine(failure.message)}`,
          `  ${shownLine(failure.fix)}`,
        ],
  );
  return [...lines, ...failures];
}

/** Destinations that do not take anything are what a script asks for. */
export function isDelivering(destinations: readonly ExportStatus[]): boolean {
  return destinations.every(({ failure }) => failure === null);
}
