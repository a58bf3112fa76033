import type { EvidenceReport } from '../../../controls/trace/index.ts';
import type { AnchorStatus, LedgerRecord } from '../../../controls/trace/types.ts';
import type { ExportStatus } from '../../../kernel/index.ts';
import { shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import { asTyped, type View } from '../view.ts';
import { recordLine } from './lists.ts';
import { verifyLines } from './reports.ts';
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

/** What was found, the oldest first, and how to see what is older. */
export function searchLines(
  records: readonly LedgerRecord[],
  next: number | null,
  view: View,
): readonly string[] {
  const found = records.map((record) => recordLine(record, view));
  const none = records.length === 0 && next === null ? ['No record matches.'] : [];
  const more =
    next === null ? [] : [view.paint('dim', asTyped(`Older ones: the same with --page ${next}`, view))];
  return [...found, ...none, ...more];
}

/** What a file of evidence is about, and whether it is proven. */
export function evidenceLines(report: EvidenceReport, view: View): readonly string[] {
  const { since, until, createdAt } = report;
  const from = since === 0 ? 'the beginning' : formatInstant(since);
  return [
    `Evidence from ${from} to ${formatInstant(until)}, made ${formatInstant(createdAt)}.`,
    ...verifyLines(report, view),
  ];
}

/** Where checkpoints are kept, and up to which. */
export function anchorLines(anchors: readonly AnchorStatus[], view: View): readonly string[] {
  return [
    'The ledger is signed up to now, and state/ledger.anchor says so.',
    ...table(
      anchors,
      [
        { title: 'ANCHOR', value: (row) => row.name },
        { title: 'KIND', value: (row) => row.kind },
        { title: 'CHECKPOINT', value: (row) => row.lastId },
        { title: 'TARGET', value: (row) => row.target },
        { title: 'PROBLEM', value: (row) => row.failure?.message },
      ],
      view,
      'trace.anchors names no other place: whoever owns this disk could change both.',
    ),
  ];
}

export interface RetiredRow {
  readonly kind: string;
  readonly writer: string;
  readonly from: number;
  readonly to: number;
  readonly archive: string | null;
}

/** Which parts of which chains went, or would go. */
export function retiredLines(parts: readonly RetiredRow[], view: View): readonly string[] {
  return table(
    parts,
    [
      { title: 'WHAT', value: (row) => row.kind },
      { title: 'CHAIN', value: (row) => row.writer },
      { title: 'RECORDS', value: (row) => `${row.from} to ${row.to}` },
      { title: 'ARCHIVE SHA-256', value: (row) => row.archive },
    ],
    view,
    'Nothing is old enough, or trace.retention says nothing.',
  );
}

export type KeptCheckpoints = readonly {
  readonly id: number;
  readonly keyId: string;
  readonly signature: string;
}[];

export function keptLines(checkpoints: KeptCheckpoints, view: View): readonly string[] {
  return table(
    checkpoints,
    [
      { title: 'NUMBER', value: ({ id }) => id },
      { title: 'KEY', value: ({ keyId }) => keyId },
      { title: 'SIGNATURE', value: ({ signature }) => signature },
    ],
    view,
    'Nothing is kept here for you.',
  );
}
