import { SKIP_REASONS } from '../../../controls/auth/index.ts';
import { gaps, placeOf, type ScanFinding, type ScanResult } from '../scan-result.ts';
import { shownLine } from '../terminal.ts';
import { asTyped, type View } from '../view.ts';
import { table } from './table.ts';

/** Places that are named one by one; `--json` has them all. */
const NAMED_GAPS = 10;
const MEGABYTE = 1_000_000;
const ORDER: readonly ScanFinding['status'][] = ['live', 'retired', 'unknown'];

function nameOf({ name, version, id, kind }: ScanFinding): string {
  if (name === null) return id;
  return kind === 'device' ? name : `${name} (version ${version})`;
}

function statusOf({ status, why }: ScanFinding): string {
  return why === null ? status : `${status}: ${why}`;
}

function fixLines(findings: readonly ScanFinding[], view: View): readonly string[] {
  const live = new Map(findings.filter(({ status }) => status === 'live').map((one) => [one.name, one]));
  return [...live.values()].flatMap(({ name, kind }) => {
    const fix =
      kind === 'device'
        ? `Remove the device of ${name}: gatehouse device list`
        : `Rotate ${name}: gatehouse token rotate ${name} --sunset 1h --ticket TICKET`;
    return [shownLine(asTyped(fix, view))];
  });
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What was found, what to do, and what was not looked at. */
export function scanLines(result: ScanResult, view: View): readonly string[] {
  const { findings, findingsBeyond, files, members, processes, bytes, skipped } = result;
  const rows = [...findings].sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  const found = table(
    rows,
    [
      { title: 'TOKEN', value: nameOf },
      { title: 'STATUS', value: statusOf },
      { title: 'WRITTEN', value: ({ encoding }) => encoding },
      { title: 'WHERE', value: placeOf },
    ],
    view,
    'No token was found.',
  );
  const left = gaps(result);
  const unseen = skipped
    .filter(({ reason }) => left.some(([one]) => one === reason))
    .map(({ place, reason }) => `  ${shownLine(place)}: ${SKIP_REASONS[reason]}`);
  const count = left.reduce((sum, [, number]) => sum + number, 0);
  return [
    ...found,
    ...(findingsBeyond === 0
      ? []
      : [view.paint('bad', `... and ${findingsBeyond} more that are not listed.`)]),
    ...fixLines(rows, view),
    '',
    `Looked at ${plural(files, 'file')}, ${plural(members, 'member')} of archives and ${plural(processes, 'process', 'processes')}: ${(bytes / MEGABYTE).toFixed(1)} MB.`,
    ...(count === 0
      ? []
      : [
          view.paint('warn', `Not seen, or not to the end: ${plural(count, 'place')}`),
          ...unseen.slice(0, NAMED_GAPS),
          ...(count > NAMED_GAPS ? [`  ... ${count - NAMED_GAPS} more; --json names them.`] : []),
        ]),
  ];
}
