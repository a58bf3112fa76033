import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { BackupSchema } from './schema.ts';

export const backupList = defineOperation({
  id: 'backup.list',
  summary: 'List backups: how each ended, where it is, and what is in it',
  input: NoInput,
  output: strict({ backups: Type.Array(BackupSchema, { description: 'The newest first.' }) }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: {
    command: 'backup list',
    examples: ['gatehouse backup list', 'gatehouse backup list --json'],
    offline: true,
  },
  async run({ services }) {
    return { backups: await services.backups.list() };
  },
});
