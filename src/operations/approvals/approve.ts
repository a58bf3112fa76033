import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { answer } from './access.ts';
import { ApprovalResult, DurationText, durationMs } from './schema.ts';

export const approvalsApprove = defineOperation({
  id: 'approvals.approve',
  summary: 'Allow exactly the action that waits: once, in this session, or for a time',
  input: strict({
    id: name('Id of the approval.'),
    session: Type.Optional(
      Type.Boolean({ description: 'Also the very same action again in the same session, for some hours.' }),
    ),
    for: Type.Optional(DurationText),
    always: Type.Optional(Type.Boolean({ description: 'As session, the word that OpenClaw uses.' })),
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
    examples: ['gatehouse approvals approve 6f1c2a', 'gatehouse approvals approve 6f1c2a --for 1h'],
    offline: false,
  },
  run(context, { id, always, session, for: time }) {
    if (time !== undefined) return answer(context, id, { decision: 'allow-always', forMs: durationMs(time) });
    return answer(context, id, always === true || session === true ? 'allow-always' : 'allow-once');
  },
});
