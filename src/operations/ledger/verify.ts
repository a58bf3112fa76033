import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';

const Problem = strict({
  writer: Type.String(),
  seq: Type.Integer(),
  code: Type.Enum([
    'LEDGER_EDITED',
    'LEDGER_MISSING',
    'LEDGER_REORDERED',
    'LEDGER_TRUNCATED',
    'LEDGER_SIGNATURE_BAD',
    'LEDGER_UNREADABLE',
  ]),
  message: Type.String(),
});

export const ledgerVerify = defineOperation({
  id: 'ledger.verify',
  summary: 'Prove that no record was edited, removed, moved or cut off',
  input: NoInput,
  output: strict({
    ok: Type.Boolean(),
    records: Type.Integer({ description: 'Records checked.' }),
    checkpoints: Type.Integer({ description: 'Signatures checked.' }),
    writers: Type.Array(strict({ writer: Type.String(), head: Type.Integer(), hash: Type.String() })),
    problems: Type.Array(Problem),
    unsigned: Type.Integer({
      description:
        'Records after the last good signature: chained, and anybody who can write the file can replace them.',
    }),
    problemsOmitted: Type.Integer({ description: 'Problems that were found beyond those that are listed.' }),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: ['LEDGER_DAMAGED'],
  cli: { command: 'ledger verify', examples: ['gatehouse ledger verify'], offline: true },
  run: ({ services }) => services.ledger.verify({ remote: true }),
});
