import type { Subject } from '../../../kernel/index.ts';
import { APPROVAL_CODES } from '../codes.ts';
import type { ApprovalDecision, ApprovalRecord } from '../types.ts';
import { type ApprovalParts, STANDING_MS } from './parts.ts';
import { type ApprovalRow, recordOf } from './store.ts';

const DECISIONS: readonly ApprovalDecision[] = ['allow-once', 'allow-always', 'deny'];

export interface Answer {
  readonly record: ApprovalRecord;
  /** False when the same answer had been given before. */
  readonly first: boolean;
}

/**
 * What runs because of a model (a run, an agent, a tool) never answers, whatever it may otherwise do; with
 * four eyes neither does the principal whose run asked (attack 75).
 */
function mayAnswer({ options }: ApprovalParts, row: ApprovalRow, approver: Subject): boolean {
  if (approver.run !== undefined || approver.agent !== undefined || approver.tool !== undefined) return false;
  if (approver.principal === '' || /^(?:agent|run|tool):/.test(approver.principal)) return false;
  return options.separateApprover !== true || recordOf(row).subject.principal !== approver.principal;
}

function write(
  { options, store }: ApprovalParts,
  id: string,
  decision: ApprovalDecision,
  approver: Subject,
): Promise<ApprovalRow | undefined> {
  const now = options.clock.now();
  return store.move(id, 'pending', {
    status: decision === 'deny' ? 'denied' : 'allowed',
    decision,
    resolved_at: now,
    resolved_by: approver.principal,
    standing_until: decision === 'allow-always' ? now + (options.standingMs ?? STANDING_MS) : null,
  });
}

/** The same answer again changes nothing; any other one comes too late. */
async function answeredBefore(
  { store, journal }: ApprovalParts,
  id: string,
  decision: ApprovalDecision,
  approver: Subject,
): Promise<Answer> {
  const row = await store.find(id);
  if (row === undefined) throw await journal.refuse('APPROVAL_NOT_FOUND', approver, { approval: id });
  if (row.status === 'expired') throw await journal.refuse('APPROVAL_EXPIRED', approver, { approval: id });
  if (row.status === 'cancelled')
    throw await journal.refuse('APPROVAL_CANCELLED', approver, { approval: id });
  if (row.decision === decision) return { record: recordOf(row), first: false };
  throw await journal.refuse('APPROVAL_ALREADY_RESOLVED', approver, { approval: id });
}

/** Write one person's answer. An answer whose record cannot be written does not count and may be given again. */
export async function answerApproval(
  parts: ApprovalParts,
  id: string,
  decision: ApprovalDecision,
  approver: Subject,
): Promise<Answer> {
  const { store, journal } = parts;
  if (!DECISIONS.includes(decision)) throw APPROVAL_CODES.error('APPROVAL_DECISION_UNKNOWN');
  const before = await store.find(id);
  if (before === undefined) throw await journal.refuse('APPROVAL_NOT_FOUND', approver, { approval: id });
  if (!mayAnswer(parts, before, approver)) {
    throw await journal.refuse('APPROVAL_APPROVER_NOT_ALLOWED', approver, { approval: id });
  }
  const row = await write(parts, id, decision, approver);
  if (row === undefined) return answeredBefore(parts, id, decision, approver);
  try {
    await journal.record('resolved', decision === 'deny' ? 'deny' : 'allow', row, approver);
  } catch (error) {
    const unanswered = { resolved_at: null, resolved_by: null, decision: null, standing_until: null };
    await store.move(id, row.status, { ...unanswered, status: 'pending' });
    throw error;
  }
  return { record: recordOf(row), first: true };
}
