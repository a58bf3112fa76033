import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { answer } from './access.ts';
import { ApprovalResult } from './schema.ts';

export const approvalsDeny = defineOperation({
  id: 'approvals.deny',
  summary: 'Refuse the action that waits',
  input: strict({ id: name('Id of the approval.') }),
  output: ApprovalResult,
  scope: 'operator.approvals',
  effect: 'change',
  errors: [
    'OP_APPROVAL_NOT_FOUND',
    'APPROVAL_ALREADY_RESOLVED',
    'APPROVAL_APPROVER_NOT_ALLOWED',
    'APPROVAL_EXPIRED',
  ],
  cli: {
    command: 'approvals deny',
    positional: ['id'],
    examples: ['gatehouse approvals deny 6f1c2a'],
    offline: false,
  },
  run: (context, { id }) => answer(context, id, 'deny'),
});
