import type { StandingApproval } from '../../controls/execution/types.ts';
import { seesAgent } from '../access.ts';
import { OP_CODES } from '../codes.ts';
import type { OperationContext } from '../define.ts';

/** @throws OP_APPROVAL_NOT_FOUND, also when it is of an agent that the caller may not use */
export async function standingOf(context: OperationContext<never>, name: string): Promise<StandingApproval> {
  const found = await context.services.approvals.standings.find(name);
  if (found === undefined || !seesAgent(context, found.agent)) {
    throw OP_CODES.error('OP_APPROVAL_NOT_FOUND');
  }
  return found;
}
