import type { Subject } from '../../../kernel/index.ts';
import { APPROVAL_CODES } from '../codes.ts';
import type { ApprovalAnswer, ApprovalDecision, ApprovalRecord } from '../types.ts';
import { type ApprovalParts, MAX_STANDING_MS, STANDING_MS } from './parts.ts';
import { type ApprovalRow, recordOf } from './store.ts';

const DECISIONS: readonly ApprovalDecision[] = ['allow-once', 'allow-always', 'deny'];

export interface Answer {
  readonly record: ApprovalRecord;
  /** False when nothing changed, or when another person must still allow it. */
  readonly first: boolean;
}

/**
 * What runs because of a model (a run, an agent, a tool) never answers, whatever it may otherwise do; with
 * four eyes neither does the principal whose run asked (attack 75).
 */
export async function mayAnswer(
  { options }: ApprovalParts,
  row: ApprovalRow,
  approver: Subject,
): Promise<boolean> {
  if (approver.run !== undefined || approver.agent !== undefined || approver.tool !== undefined) return false;
  if (approver.principal === '' || /^(?:agent|run|tool):/.test(approver.principal)) return false;
  const { separateApprover } = options;
  const separate = typeof separateApprover === 'function' ? separateApprover() : separateApprover === true;
  if (!separate && row.people <= 1) return true;
  const personOf = options.personOf ?? ((principal: string) => Promise.resolve(principal));
  const asked = recordOf(row).subject.principal;
  return (await personOf(asked)) !== (await personOf(approver.principal));
}

function standingUntil({ options }: ApprovalParts, { decision, forMs }: ApprovalAnswer): number | null {
  if (decision !== 'allow-always') return null;
  const wanted = forMs ?? options.standingMs ?? STANDING_MS;
  return options.clock.now() + Math.min(Math.max(wanted, 0), MAX_STANDING_MS);
}

function write(
  parts: ApprovalParts,
  id: string,
  answer: ApprovalAnswer,
  approver: Subject,
): Promise<ApprovalRow | undefined> {
  const { decision } = answer;
  return parts.store.move(id, 'pending', {
    status: decision === 'deny' ? 'denied' : 'allowed',
    decision,
    resolved_at: parts.options.clock.now(),
    resolved_by: approver.principal,
    standing_until: standingUntil(parts, answer),
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

/** The first of two people: on the record, and nothing may run yet. */
async function firstOfTwo(parts: ApprovalParts, id: string, approver: Subject): Promise<Answer> {
  const { store, journal } = parts;
  const row = await store.firstOf(id, approver.principal);
  if (row === undefined) throw await journal.refuse('APPROVAL_ALREADY_RESOLVED', approver, { approval: id });
  try {
    await journal.record('allowed-by-one', 'ask', row, approver);
  } catch (error) {
    await store.move(id, 'pending', { first_by: null });
    throw error;
  }
  return { record: recordOf(row), first: false };
}

/** Write one person's answer. An answer whose record cannot be written does not count and may be given again. */
export async function answerApproval(
  parts: ApprovalParts,
  id: string,
  answer: ApprovalAnswer,
  approver: Subject,
): Promise<Answer> {
  const { store, journal } = parts;
  const { decision } = answer;
  if (!DECISIONS.includes(decision)) throw APPROVAL_CODES.error('APPROVAL_DECISION_UNKNOWN');
  const before = await store.find(id);
  if (before === undefined) throw await journal.refuse('APPROVAL_NOT_FOUND', approver, { approval: id });
  if (!(await mayAnswer(parts, before, approver))) {
    throw await journal.refuse('APPROVAL_APPROVER_NOT_ALLOWED', approver, { approval: id });
  }
  if (before.people > 1 && decision !== 'deny' && before.status === 'pending') {
    if (before.first_by === null) return firstOfTwo(parts, id, approver);
    if (before.first_by === approver.principal) return { record: recordOf(before), first: false };
  }
  const row = await write(parts, id, answer, approver);
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
