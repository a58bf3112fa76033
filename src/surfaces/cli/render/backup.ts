import type { BackupRecord } from '../../../controls/backup/types.ts';
import type { RehearsalReport, RestoreReport, VerifyBackupReport } from '../io.ts';
import { shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import { asTyped, type View } from '../view.ts';
import { formatBytes } from './egress.ts';
import { table } from './table.ts';

export function backupLines(backups: readonly BackupRecord[], view: View): readonly string[] {
  return table(
    backups,
    [
      { title: 'WHEN', value: ({ at }) => formatInstant(at) },
      { title: 'STATUS', value: ({ status, code }) => (code === null ? status : `${status}: ${code}`) },
      { title: 'SIZE', value: ({ bytes }) => (bytes === null ? null : formatBytes(bytes)) },
      { title: 'LEDGER', value: ({ records }) => (records === null ? null : `${records} records`) },
      { title: 'CONFIG', value: ({ snapshot }) => (snapshot === null ? null : `snapshot ${snapshot}`) },
      { title: 'BY', value: ({ author }) => author },
      { title: 'FILE', value: ({ path }) => path },
    ],
    view,
    'No backup was made yet.',
  );
}

export function madeLines(backup: BackupRecord, view: View): readonly string[] {
  const { path, bytes, records, digest } = backup;
  return [
    view.paint('good', `Made: ${shownLine(path)}`),
    `  ${formatBytes(bytes ?? 0)}, ${records ?? 0} records of the ledger, sha256 ${shownLine(digest ?? '')}`,
    asTyped(
      `Try it where the key is: gatehouse backup restore ${shownLine(path)} --identity KEY --rehearse`,
      view,
    ),
  ];
}

export function verifiedLines(report: VerifyBackupReport, view: View): readonly string[] {
  const { id, at, version, node, snapshot, files, bytes, records, checkpoints, unsigned, heads } = report;
  return [
    view.paint('good', `The backup ${shownLine(id)} is whole and signed by the install that you trust.`),
    `  made      ${formatInstant(at)} by Gatehouse ${shownLine(version)} on Node ${shownLine(node)}`,
    `  holds     ${files} files, ${formatBytes(bytes)}, configuration snapshot ${snapshot}`,
    `  ledger    ${records} records, ${checkpoints} signed checkpoints, ${unsigned} records after the last one`,
    ...heads.map(
      ({ writer, seq, hash }) =>
        `            ${shownLine(writer)} ends at ${seq}, ${shownLine(hash.slice(0, 16))}...`,
    ),
  ];
}

const LEDGERS: Readonly<Record<RehearsalReport['ledgerNow'], string>> = {
  none: 'there is no other ledger here; the one in the backup would be used',
  continues: 'the ledger here goes on from the one in the backup and would stay',
  other: 'the ledger here is not what became of the one in the backup; it would be moved aside',
  unreadable: 'the ledger here cannot be read; it would be moved aside',
};

export function rehearsalLines(report: RehearsalReport, view: View): readonly string[] {
  const { configuration, differs, ledgerNow, newerRecords, milliseconds } = report;
  return [
    ...verifiedLines(report, view),
    `  config    loads with this version${configuration.asNow ? ', and is what is here now' : ''}`,
    ...differs.map((path) => `            ${shownLine(path)} is not as it is here now`),
    `  now       ${LEDGERS[ledgerNow]}${newerRecords > 0 ? ` (${newerRecords} newer records)` : ''}`,
    '',
    view.paint(
      'good',
      `A restore would work. Rehearsed in ${milliseconds} ms; nothing was changed or started.`,
    ),
  ];
}

export function restoredLines(report: RestoreReport, view: View): readonly string[] {
  const { id, home, aside, ledger, newerRecords, ended } = report;
  return [
    view.paint('good', `Restored ${shownLine(id)} into ${shownLine(home)}.`),
    `  what was there is in ${shownLine(aside)}`,
    ledger === 'kept'
      ? `  the newer ledger is in place, with ${newerRecords} records beyond the backup`
      : '  the ledger is the one in the backup',
    ...(ended === 0 ? [] : [`  ${ended} revocations on record were applied again`]),
    asTyped('Next: gatehouse doctor, then gatehouse gateway start', view),
  ];
}
