import type { ApprovalAnswer } from '../../controls/execution/types.ts';

/** What a message asks of approvals. `unclear` is a command that cannot be understood, never an answer. */
export type ApprovalCommand =
  | { readonly kind: 'list' }
  | { readonly kind: 'answer'; readonly code: string; readonly answer: ApprovalAnswer }
  | { readonly kind: 'unclear' };

const WORD = /^\/(approvals|approve|deny)(?:_([A-Za-z0-9]+))?(?:@[A-Za-z0-9_]+)?(?:\s+([\s\S]*))?$/i;
/** As codes are made: no I, O, 0 or 1. */
const CODE = /^[A-HJ-NP-Z2-9]{8}$/;
const DURATION = /^([1-9][0-9]{0,3})([mhd])$/;
const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
/** A week: the longest that an answer may stand. */
const MAX_MS = 7 * 86_400_000;

/**
 * Whether a message is about approvals: `/approve CODE`, `/approve_CODE` (which chat programs make a link of),
 * `/deny CODE`, `/approvals`. Such a message never reaches a model, whoever wrote it.
 */
export function isApprovalCommand(text: string): boolean {
  return /^\s*\/(approvals|approve|deny)(?![A-Za-z0-9-])/i.test(text);
}

/** The command of a message for which `isApprovalCommand` holds. */
export function readCommand(text: string): ApprovalCommand {
  const match = WORD.exec(text.trim());
  const [, word = '', joined, rest = ''] = match ?? [];
  const words = [
    ...(joined === undefined ? [] : [joined]),
    ...rest.split(/\s+/).filter((part) => part !== ''),
  ];
  const [code = '', how, ...more] = words;
  if (word.toLowerCase() === 'approvals') return words.length === 0 ? { kind: 'list' } : { kind: 'unclear' };
  if (!CODE.test(code.toUpperCase()) || more.length > 0) return { kind: 'unclear' };
  const answer = word.toLowerCase() === 'deny' ? denial(how) : allowance(how);
  return answer === undefined ? { kind: 'unclear' } : { kind: 'answer', code: code.toUpperCase(), answer };
}

function denial(how: string | undefined): ApprovalAnswer | undefined {
  return how === undefined ? { decision: 'deny' } : undefined;
}

function allowance(how: string | undefined): ApprovalAnswer | undefined {
  if (how === undefined || how === 'once') return { decision: 'allow-once' };
  if (how === 'session') return { decision: 'allow-always' };
  const [, amount = '', unit = ''] = DURATION.exec(how) ?? [];
  const forMs = Number(amount) * (UNIT_MS[unit] ?? 0);
  return forMs > 0 && forMs <= MAX_MS ? { decision: 'allow-always', forMs } : undefined;
}
