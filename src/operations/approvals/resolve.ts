import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { answer } from './access.ts';
import { ApprovalResult, DecisionSchema } from './schema.ts';

export const approvalsResolve = defineOperation({
  id: 'approvals.resolve',
  summary: 'Answer an approval with one of its decisions',
  input: strict({ id: name('Id of the approval.'), decision: DecisionSchema }),
  output: ApprovalResult,
  scope: 'operator.approvals',
  effect: 'high-impact',
  errors: [
    'OP_APPROVAL_NOT_FOUND',
    'APPROVAL_ALREADY_RESOLVED',
    'APPROVAL_APPROVER_NOT_ALLOWED',
    'APPROVAL_EXPIRED',
  ],
  cli: {
    command: 'approvals resolve',
    positional: ['id', 'decision'],
    examples: ['gatehouse approvals resolve 6f1c2a allow-once'],
    offline: false,
  },
  run: (context, { id, decision }) => answer(context, id, decision),
});
