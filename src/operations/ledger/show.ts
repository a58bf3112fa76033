import { Type } from 'typebox';
import { OP_CODES } from '../codes.ts';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { RecordSchema } from './schema.ts';

export const ledgerShow = defineOperation({
  id: 'ledger.show',
  summary: 'Show one record of the ledger in full',
  input: strict({
    writer: name('The process that wrote it, for example gateway.'),
    seq: Type.Integer({ description: 'Number of the record.', minimum: 1 }),
  }),
  output: strict({ record: RecordSchema }),
  scope: 'operator.admin',
  effect: 'read',
  errors: ['OP_RECORD_NOT_FOUND'],
  cli: {
    command: 'ledger show',
    positional: ['writer', 'seq'],
    examples: ['gatehouse ledger show gateway 42'],
    offline: true,
  },
  async run({ services }, { writer, seq }) {
    const record = await services.ledger.get(writer, seq);
    if (record === undefined) throw OP_CODES.error('OP_RECORD_NOT_FOUND');
    return { record };
  },
});
