import { Type } from 'typebox';
import { orNull, strict } from '../schema.ts';

export const BackupSchema = strict(
  {
    id: Type.String(),
    at: Type.Number({ description: 'Unix milliseconds when it was begun.' }),
    author: Type.String(),
    reason: Type.String(),
    scheduled: Type.Boolean(),
    status: Type.Enum(['running', 'good', 'failed', 'deleted', 'missing'], {
      description: '`missing`: it was good, and its file is gone or has another size.',
    }),
    code: orNull(Type.String({ description: 'Why it failed.' })),
    path: Type.String(),
    bytes: orNull(Type.Integer()),
    digest: orNull(Type.String({ description: 'SHA-256 of the encrypted file.' })),
    records: orNull(Type.Integer({ description: 'Records of the ledger in it.' })),
    snapshot: orNull(Type.Integer({ description: 'Snapshot of the configuration in it.' })),
  },
  { description: 'One backup.' },
);
