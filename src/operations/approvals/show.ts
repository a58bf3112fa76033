import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { approvalFor } from './access.ts';
import { ApprovalResult } from './schema.ts';

export const approvalsShow = defineOperation({
  id: 'approvals.show',
  summary: 'Show one approval with everything it is bound to',
  input: strict({ id: name('Id of the approval.') }),
  output: ApprovalResult,
  scope: 'operator.approvals',
  effect: 'read',
  errors: ['OP_APPROVAL_NOT_FOUND'],
  cli: {
    command: 'approvals show',
    positional: ['id'],
    examples: ['gatehouse approvals show 6f1c2a'],
    offline: true,
  },
  async run(context, { id }) {
    return { approval: await approvalFor(context, id) };
  },
});
