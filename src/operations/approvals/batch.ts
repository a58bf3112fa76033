import { Type } from 'typebox';
import { OP_CODES } from '../codes.ts';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { concerns } from './access.ts';
import { ApprovalSchema, DecisionSchema } from './schema.ts';

export const approvalsBatch = defineOperation({
  id: 'approvals.batch',
  summary: 'Answer everything of one batch that still waits; each is recorded and used by itself',
  input: strict({ batch: name('Id of the batch, as its approvals show it.'), decision: DecisionSchema }),
  output: strict({ approvals: Type.Array(ApprovalSchema) }),
  scope: 'operator.approvals',
  effect: 'high-impact',
  errors: [
    'OP_APPROVAL_NOT_FOUND',
    'APPROVAL_ALREADY_RESOLVED',
    'APPROVAL_APPROVER_NOT_ALLOWED',
    'APPROVAL_EXPIRED',
  ],
  cli: {
    command: 'approvals batch',
    positional: ['batch', 'decision'],
    examples: ['gatehouse approvals batch 0d1f8b allow-once'],
    offline: false,
  },
  async run(context, { batch, decision }) {
    const { approvals } = context.services;
    const waiting = await approvals.list({ status: 'pending', limit: 500 });
    const mine = waiting.filter((record) => record.batch === batch);
    // All or none: an approver who may not see one of them does not answer a batch that holds it.
    if (mine.length === 0 || !mine.every((record) => concerns(context, record))) {
      throw OP_CODES.error('OP_APPROVAL_NOT_FOUND');
    }
    const answered = await approvals.resolveBatch(batch, decision, context.caller.subject);
    for (const record of answered) await context.services.egressQuestions.settle(record);
    return { approvals: [...answered] };
  },
});
