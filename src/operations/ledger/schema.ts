import { Type } from 'typebox';
import { LEDGER_TYPES } from '../../kernel/index.ts';
import { SubjectSchema, strict } from '../schema.ts';

const Text = Type.String();

export const LedgerTypeSchema = Type.Enum([...LEDGER_TYPES]);

export const OutcomeSchema = Type.Enum(['allow', 'ask', 'deny', 'success', 'failure', 'started', 'unknown']);

export const RecordSchema = strict(
  {
    writer: Type.String({ description: 'The process that wrote it.' }),
    seq: Type.Integer({ description: '1, 2, 3 ... per writer.' }),
    at: Type.Number({ description: 'Unix milliseconds.' }),
    prev: Type.String({ description: 'Hash of the record before it.' }),
    hash: Type.String({ description: 'SHA-256 over every other field.' }),
    type: LedgerTypeSchema,
    action: Text,
    outcome: OutcomeSchema,
    code: Type.Optional(Text),
    rule: Type.Optional(Text),
    subject: Type.Optional(SubjectSchema),
    trace: Type.Optional(Type.String({ description: 'Groups everything that one message caused.' })),
    authorityHash: Type.Optional(Text),
    data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { description: 'One record of the ledger.' },
);
