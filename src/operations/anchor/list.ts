import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';

export const anchorList = defineOperation({
  id: 'anchor.list',
  summary: 'List the checkpoints that are kept here for you',
  description:
    'Each principal sees its own. An install compares them with its ledger to find what was cut off or replaced.',
  input: strict({
    after: Type.Optional(Type.Integer({ minimum: 0, description: 'Only those behind this number.' })),
    newest: Type.Optional(Type.Boolean({ description: 'Only the last one.' })),
  }),
  output: strict({
    checkpoints: Type.Array(
      strict({ id: Type.Integer(), payload: Type.String(), keyId: Type.String(), signature: Type.String() }),
      { description: 'In their order, up to 200.' },
    ),
  }),
  scope: 'operator.anchor',
  effect: 'read',
  errors: [],
  cli: { command: 'anchor list', examples: ['gatehouse anchor list --newest'], offline: true },
  async run({ caller, services }, { after = 0, newest = false }) {
    const { id } = caller.principal;
    if (!newest) return { checkpoints: await services.kept.list(id, after) };
    const last = await services.kept.newest(id);
    return { checkpoints: last === undefined ? [] : [last] };
  },
});
