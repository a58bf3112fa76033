import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';

const Text = Type.String();

export const ledgerAnchor = defineOperation({
  id: 'ledger.anchor',
  summary: 'Sign the ledger now and bring every anchor outside up to date',
  description:
    'Anchors stand under trace.anchors. Files and folders follow each checkpoint by themselves, other instances every hour. `gatehouse ledger verify` compares with all of them.',
  input: NoInput,
  output: strict({
    anchors: Type.Array(
      strict({
        name: Text,
        kind: Type.Enum(['file', 'folder', 'gatehouse']),
        target: Text,
        lastId: Type.Union([Type.Integer(), Type.Null()], { description: 'Newest checkpoint there.' }),
        lastAt: Type.Union([Type.Number(), Type.Null()], { description: 'Unix milliseconds.' }),
        failure: Type.Union([strict({ code: Text, message: Text, fix: Text }), Type.Null()]),
      }),
    ),
  }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['LEDGER_CHECKPOINT_FAILED'],
  cli: {
    command: 'ledger anchor',
    examples: ['gatehouse ledger anchor', 'gatehouse ledger anchor --json'],
    offline: false,
  },
  run: async ({ services }) => ({ anchors: await services.ledger.anchor() }),
});
