import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { answer } from './access.ts';
import { ApprovalResult } from './schema.ts';

export const approvalsApprove = defineOperation({
  id: 'approvals.approve',
  summary: 'Allow exactly the action that waits, once',
  input: strict({
    id: name('Id of the approval.'),
    always: Type.Optional(Type.Boolean({ description: 'Also the same action again in the same session.' })),
  }),
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
    command: 'approvals approve',
    positional: ['id'],
    examples: ['gatehouse approvals approve 6f1c2a', 'gatehouse approvals approve 6f1c2a --always'],
    offline: false,
  },
  run: (context, { id, always }) => answer(context, id, always === true ? 'allow-always' : 'allow-once'),
});
