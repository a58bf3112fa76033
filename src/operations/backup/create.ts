import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict, text } from '../schema.ts';
import { BackupSchema } from './schema.ts';

export const backupCreate = defineOperation({
  id: 'backup.create',
  summary: 'Make an encrypted backup of configuration, policy, playbooks, ledger and state',
  description:
    'The copies are consistent while the gateway runs; the ledger in them is proven, and the whole is signed by this install and encrypted for backup.recipients. Private keys, values of secrets, workspaces and logs are not in it.',
  input: strict({ reason: Type.Optional(text('Why, in one line; kept with the backup.')) }),
  output: strict({ backup: BackupSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: [
    'BACKUP_NOT_CONFIGURED',
    'BACKUP_RECIPIENT_INVALID',
    'BACKUP_RUNNING',
    'BACKUP_FOLDER_UNUSABLE',
    'BACKUP_NO_SPACE',
    'BACKUP_FAILED',
    'BACKUP_LEDGER_BROKEN',
    'EGRESS_UNAVAILABLE',
  ],
  cli: {
    command: 'backup create',
    examples: ['gatehouse backup create', 'gatehouse backup create --reason "before the upgrade"'],
    offline: false,
  },
  async run({ caller, services }, { reason = '' }) {
    const order = { author: caller.principal.id, reason, scheduled: false };
    return { backup: await services.backups.create(order) };
  },
});
