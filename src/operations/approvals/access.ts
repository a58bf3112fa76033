import type { ApprovalAnswer, ApprovalDecision, ApprovalRecord } from '../../controls/execution/types.ts';
import { seesAgent } from '../access.ts';
import { OP_CODES } from '../codes.ts';
import type { OperationContext } from '../define.ts';

type Context = OperationContext<never>;

/** An approver sees and answers only what concerns agents that it may use itself. */
export function concerns(context: Context, approval: ApprovalRecord): boolean {
  return seesAgent(context, approval.binding.agent);
}

/** @throws OP_APPROVAL_NOT_FOUND, also when it concerns an agent that the caller may not use */
export async function approvalFor(context: Context, id: string): Promise<ApprovalRecord> {
  const approval = await context.services.approvals.get(id);
  if (approval === undefined || !concerns(context, approval)) throw OP_CODES.error('OP_APPROVAL_NOT_FOUND');
  return approval;
}

/** Answer an approval in the caller's name, as its transport proved it (attack 75). */
export async function answer(
  context: Context,
  id: string,
  decision: ApprovalDecision | ApprovalAnswer,
): Promise<{ readonly approval: ApprovalRecord }> {
  const { id: known } = await approvalFor(context, id);
  const approval = await context.services.approvals.resolve(known, decision, context.caller.subject);
  await context.services.egressQuestions.settle(approval);
  return { approval };
}
