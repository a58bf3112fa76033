import type { Finding } from '../../kernel/index.ts';

const HOUR_MS = 3_600_000;

export interface BackupFacts {
  readonly recipients: number;
  readonly maxAgeHours: number;
  /** The newest good backup whose file is there. */
  readonly last: { readonly id: string; readonly at: number } | undefined;
  /** The newest attempt failed with this code. */
  readonly failed: string | undefined;
  /** Backups that lie on the disk that they would save from. */
  readonly sameDisk: boolean;
  /** Unix milliseconds. */
  readonly now: number;
}

function finding(
  id: string,
  severity: Finding['severity'],
  facts: Omit<Finding, 'id' | 'severity' | 'requirements'>,
) {
  return { id, severity, requirements: ['D9'], ...facts } satisfies Finding;
}

/** Whether there is something to come back from (D9). */
export function checkBackups(facts: BackupFacts): readonly Finding[] {
  const { recipients, maxAgeHours, last, failed, sameDisk, now } = facts;
  if (recipients === 0)
    return [
      finding('BACKUP_NONE_CONFIGURED', 'low', {
        title: 'no backups are made of this install',
        expected: 'backup.recipients, and a schedule',
        found: 'no recipient',
        fix: 'age-keygen on another machine, its age1... line into backup.recipients; docs/operating/backup.md.',
      }),
    ];
  const age = last === undefined ? undefined : Math.floor((now - last.at) / HOUR_MS);
  return [
    ...(age === undefined || age >= maxAgeHours ? [tooOld(age, maxAgeHours)] : []),
    ...(failed === undefined ? [] : [lastFailed(failed)]),
    ...(sameDisk && last !== undefined ? [onSameDisk()] : []),
  ];
}

function tooOld(age: number | undefined, maxAgeHours: number): Finding {
  return finding('BACKUP_TOO_OLD', 'warning', {
    title: age === undefined ? 'there is no good backup' : `the last good backup is ${age} hours old`,
    expected: `one of the last ${maxAgeHours} hours (backup.maxAgeHours)`,
    found: age === undefined ? 'none' : `${age} hours`,
    fix: 'gatehouse backup create; gatehouse backup list says how the last ones ended.',
  });
}

function lastFailed(code: string): Finding {
  return finding('BACKUP_LAST_FAILED', 'warning', {
    title: `the last backup failed: ${code}`,
    expected: 'a backup that was made',
    found: code,
    fix: 'Look at gatehouse backup list, correct the cause, and run gatehouse backup create.',
  });
}

function onSameDisk(): Finding {
  return finding('BACKUP_SAME_DISK', 'low', {
    title: 'the backups lie on the disk of the home',
    expected: 'another disk, or a copy elsewhere',
    found: 'the same device',
    fix: 'Set backup.folder to a mounted disk, or copy the files away after each backup.',
  });
}
