import type { ApprovalBinding, ApprovalStatus } from '../types.ts';
import { bindingHash } from './binding.ts';
import type { ApprovalParts } from './parts.ts';
import { recordOf } from './store.ts';

/** Why an approval of this very binding gives no right to run. */
const REFUSALS = {
  pending: 'APPROVAL_PENDING',
  // Allowed and yet not taken: somebody else took it in between and was put back, so it is not ours.
  allowed: 'APPROVAL_CONSUMED',
  consumed: 'APPROVAL_CONSUMED',
  denied: 'APPROVAL_DENIED',
  expired: 'APPROVAL_EXPIRED',
  cancelled: 'APPROVAL_CANCELLED',
} as const satisfies Record<ApprovalStatus, string>;

async function refusal({ store, journal }: ApprovalParts, id: string, hash: string): Promise<Error> {
  const row = await store.find(id);
  if (row === undefined) return journal.refuse('APPROVAL_NOT_FOUND', undefined, { approval: id });
  const code = row.binding_hash === hash ? REFUSALS[row.status] : 'APPROVAL_CHANGED';
  const data = { approval: id, approved: row.binding_hash, presented: hash };
  return journal.refuse(code, recordOf(row).subject, data);
}

/**
 * Spend an allowed approval for one run of exactly this binding. The right to run starts with the record of
 * it: when that cannot be written the approval is spent and nothing may run (attacks 76 and 98).
 */
export async function consumeApproval(
  parts: ApprovalParts,
  id: string,
  binding: ApprovalBinding,
): Promise<void> {
  const hash = bindingHash(binding);
  const consumed = await parts.store.consume(id, hash, parts.options.clock.now());
  if (consumed === undefined) throw await refusal(parts, id, hash);
  await parts.journal.record('consumed', 'success', consumed);
}
