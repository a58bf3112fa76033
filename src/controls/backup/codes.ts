import { defineCodes } from '../../kernel/index.ts';

export const BACKUP_CODES = defineCodes({
  BACKUP_NOT_CONFIGURED: {
    summary: 'nobody said whom backups are encrypted for, so none is made',
    fix: 'Make a key on another machine (age-keygen -o backup.key) and put its age1... line into backup.recipients.',
    status: 409,
  },
  BACKUP_RECIPIENT_INVALID: {
    summary: 'one of backup.recipients is no public key of age',
    fix: 'Use the line that begins with age1, as age-keygen prints it; a mistyped one is found by its checksum.',
    status: 400,
  },
  BACKUP_RUNNING: {
    summary: 'a backup is being made already',
    fix: 'Wait for it: gatehouse backup list shows it when it is done.',
    status: 409,
  },
  BACKUP_FOLDER_UNUSABLE: {
    summary: 'the folder for backups cannot be written, or agents can write to it',
    fix: 'Set backup.folder to an absolute path outside of the workspaces that only this account can write to.',
    status: 503,
  },
  BACKUP_NO_SPACE: {
    summary: 'there is not enough room for the backup; nothing of it was kept',
    fix: 'Free some space, or set backup.folder to another disk. Older backups stay as they are.',
    status: 507,
  },
  BACKUP_FAILED: {
    summary: 'the backup could not be made; nothing of it was kept',
    fix: 'Look for this time in logs/gateway.log, correct the cause, and run gatehouse backup create again.',
    status: 503,
  },
  BACKUP_LEDGER_BROKEN: {
    summary: 'the copy of the ledger does not prove itself, so it is no good backup',
    fix: 'Run gatehouse ledger verify. Keep a copy of state/ as evidence and find out who could write to it.',
    status: 409,
  },
  BACKUP_IDENTITY_UNREADABLE: {
    summary: 'the file with the private key cannot be read or holds none',
    fix: 'Give the file that age-keygen wrote: --identity PATH. It has a line that begins with AGE-SECRET-KEY-.',
    status: 400,
  },
  BACKUP_IDENTITY_IN_HOME: {
    summary: 'the private key of the backups lies in the home that they are made of',
    fix: 'Keep it on another machine or on a removable disk: whoever takes this home must not get its backups too.',
    status: 400,
  },
  BACKUP_KEY_MISSING: {
    summary: 'nothing here says which install the backup must come from',
    fix: 'Give the public key that you kept: --key ledger.pub (keys/ledger.pub of the install that made the backup).',
    status: 400,
  },
  BACKUP_NOT_AUTHENTIC: {
    summary: 'the backup is not signed by the install that you trust; nothing was unpacked',
    fix: 'Anybody can encrypt a file for your key. Use a backup of your own, or give the right --key.',
    status: 400,
  },
  BACKUP_WRONG_KEY: {
    summary: 'the backup is not encrypted for this private key',
    fix: 'Use the private key of one of the recipients that were configured when it was made.',
    status: 400,
  },
  BACKUP_UNREADABLE: {
    summary: 'the file is not a whole backup: cut off, changed, or something else',
    fix: 'Take another copy of it, or an older backup.',
    status: 400,
  },
  BACKUP_CONTENT_INVALID: {
    summary: 'what is in the backup is not what its signed list says, or is nothing that a backup holds',
    fix: 'Do not use it. Take another copy, or an older backup, and find out who could change this one.',
    status: 400,
  },
  BACKUP_TOO_LARGE: {
    summary: 'the backup would take more room than there is, or than --max-bytes allows',
    fix: 'Give --workdir on a larger disk, or raise --max-bytes when you know that it is that large.',
    status: 400,
  },
  BACKUP_NEWER: {
    summary: 'the backup was made by a newer version of Gatehouse',
    fix: 'Use the version that made it, or a later one.',
    status: 400,
  },
  BACKUP_CONFIG_INVALID: {
    summary: 'the configuration in the backup does not load with this version',
    fix: 'Use the version that made it (the report names it), or correct what the issues say after restoring there.',
    status: 409,
  },
  BACKUP_GATEWAY_RUNNING: {
    summary: 'a gateway runs on this home; nothing was restored',
    fix: 'Stop it first: gatehouse gateway stop.',
    status: 409,
  },
  BACKUP_RESTORE_FAILED: {
    summary: 'the restore could not be finished',
    fix: 'Correct the cause (space, permissions) and run it again: the home is as it was, or the next start finishes it.',
    status: 503,
  },
});
