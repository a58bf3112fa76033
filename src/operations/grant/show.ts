import { Type } from 'typebox';
import { grantTrace } from '../../controls/grants/index.ts';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { GrantSchema, OpensSchema } from './schema.ts';
import { opens } from './widen.ts';

export const grantShow = defineOperation({
  id: 'grant.show',
  summary: 'Show a grant, what is decided because of it, and what the ledger says about it',
  input: strict({ id: name('Id of the grant.') }),
  output: strict({
    grant: GrantSchema,
    opens: OpensSchema,
    uses: Type.Number({ description: 'Connections that it let through.' }),
    history: Type.Array(
      strict({
        writer: Type.String(),
        seq: Type.Integer(),
        at: Type.Number(),
        action: Type.String(),
        by: Type.String(),
      }),
      { description: 'In the order of writing; egress records a grant itself before it opens anything.' },
    ),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: ['GRANT_UNKNOWN'],
  cli: {
    command: 'grant show',
    positional: ['id'],
    examples: ['gatehouse grant show g-5f1c09aa71d2'],
    offline: true,
  },
  async run(context, { id }) {
    const { grants, ledger, traffic } = context.services;
    const grant = await grants.show(id);
    const records = await ledger.query({ trace: grantTrace(id), limit: 100 });
    const history = records.map(({ writer, seq, at, action, subject }) => ({
      writer,
      seq,
      at,
      action,
      by: subject?.principal ?? '',
    }));
    return { grant, opens: opens(context, grant), uses: await traffic.usesOf(id), history };
  },
});
